import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TestStores, testStores } from '../../test/stores.ts'
import type { Caller, Permission } from '../access/caller.ts'
import { createApi } from '../http/api.ts'
import { type ImportAnswer, type ImportApi, importFiles } from './command.ts'
import { Importer } from './importer.ts'
import { importRoutes } from './routes.ts'
import { tableSink, testImporter } from './table-sink.fixture.ts'

let stores: TestStores
let directory: string
let importer: Importer
let app: OpenAPIHono
const sources: string[] = []

beforeAll(async () => {
  stores = await testStores()
  directory = await mkdtemp(join(tmpdir(), 'zhike-import-'))
  await tableSink.prepare(stores.postgres)
  importer = new Importer({ ...testImporter(stores.postgres, join(directory, 'imports')), batchRows: 500 })
  app = createApi({
    authenticate: key => callers[key],
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    checks: [],
    version: '0',
    routes: [app => importRoutes(app, { importer, postgres: stores.postgres, ensureSource: async key => void sources.push(key) })],
  })
})

afterAll(() => rm(directory, { recursive: true, force: true }))

const caller = (...permissions: Permission[]): Caller => ({ id: '1', name: 'tests', permissions: new Set(permissions) })
const callers: Record<string, Caller> = { all: caller('read', 'write', 'personal'), masked: caller('read', 'write') }

async function send(method: string, path: string, init: RequestInit = {}, key = 'all'): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set('authorization', `Bearer ${key}`)
  return app.request(path, { ...init, method, headers })
}

const api: ImportApi = {
  send: (method, path, init) => send(method, path, init),
  async call<T>(method: string, path: string, body?: unknown) {
    const response = await send(
      method,
      path,
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
    )
    if (!response.ok) throw new Error(await response.text())
    return (await response.json()) as T
  },
}

let count = 0
let mapping: { source: string }
beforeEach(() => {
  mapping = {
    ...{ source: `shop-${++count}`, kind: 'events', event: 'Order Completed' },
    ...{ identifiers: { phone: 'phone' }, time: { column: 'time' }, props: { note: 'note' } },
  } as typeof mapping
})
const rows = 'phone,time,note\n19900000001,2024-03-01 10:00,好\n19900000002,bad,x\n19900000003,2024-03-01 11:00,"a\nb"\n'

async function ended(id: number): Promise<ImportAnswer> {
  await importer.idle()
  return api.call<ImportAnswer>('GET', `/api/imports/${id}`)
}

test('a file is sent as a form, imported in the background, and its rejects can be fetched', async () => {
  const form = new FormData()
  form.set('file', new File([rows], 'orders.csv'))
  form.set('mapping', JSON.stringify(mapping))
  const response = await send('POST', '/api/imports', { body: form })
  expect(response.status).toBe(201)
  const { id } = (await response.json()) as ImportAnswer
  expect(await ended(id)).toMatchObject({ state: 'done', fileName: 'orders.csv', rows: { read: 3, imported: 2, rejected: 1 } })
  expect(sources).toContain(mapping.source)
  const rejected = await send('GET', `/api/imports/${id}/rejected`)
  expect(rejected.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(await rejected.text()).toContain('3,time,')
  expect((await send('GET', `/api/imports/${id}/rejected`, {}, 'masked')).status).toBe(403)
  const { imports } = await api.call<{ imports: ImportAnswer[] }>('GET', '/api/imports?limit=1')
  expect(imports[0]?.id).toBe(id)
  expect(await readdir(join(directory, 'imports', 'uploads'))).toEqual([])
})

test('the body can be the file itself, the mapping beside it', async () => {
  const query = new URLSearchParams({ mapping: JSON.stringify(mapping), name: 'Orders of March' })
  const response = await send('POST', `/api/imports?${query}`, { body: rows, headers: { 'content-type': 'text/csv' } })
  expect(await response.json()).toMatchObject({ name: 'Orders of March', source: mapping.source })
  await importer.idle()
})

test('uploads lie where only we can read them', async () => {
  const path = await importer.uploadPath()
  expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o700)
})

test('what cannot be imported is refused by its faults, and leaves nothing', async () => {
  const refused = async (document: unknown, text = rows) => {
    const form = new FormData()
    form.set('file', new File([text], 'orders.csv'))
    form.set('mapping', JSON.stringify(document))
    const response = await send('POST', '/api/imports', { body: form })
    return { status: response.status, ...((await response.json()) as { code: string; detail: string }) }
  }
  expect(await refused({ ...mapping, time: { column: 'when' }, identifiers: {} })).toMatchObject({
    status: 422,
    code: 'mapping-refused',
    detail: 'The mapping cannot be used: identifiers names no column: a row must say whose it is.',
  })
  expect((await refused({ ...mapping, time: { column: 'when' } })).detail).toBe(
    'The mapping cannot be used: time names the column "when", which the file does not have; it has "phone", "time", "note".',
  )
  expect(await refused(mapping, '')).toMatchObject({ status: 422, code: 'file-empty' })
  expect((await send('POST', '/api/imports', { body: 'x' })).status).toBe(422)
  expect(
    (await send('POST', '/api/imports', { body: '--b\r\n', headers: { 'content-type': 'multipart/form-data; boundary=b' } })).status,
  ).toBe(400)
  expect((await send('GET', '/api/imports/999999')).status).toBe(404)
  expect(await readdir(join(directory, 'imports', 'uploads'))).toEqual([])
})

test('a preview masks what is personal; without a mapping it proposes one', async () => {
  const sample = Buffer.from(
    '手机号,下单时间,订单号,实付金额(元),备注\n19900000001,2024/3/1 9:05,A1,"1,234.50",寄到 19900000009\n',
  ).toString('base64')
  const seen = await api.call<{ mapping: unknown; rows: unknown[]; notes: string[] }>('POST', '/api/imports/preview', {
    name: '订单 2024.csv',
    sample,
    whole: true,
  })
  expect(seen.mapping).toEqual({
    source: '2024',
    kind: 'events',
    event: 'Order Completed',
    identifiers: { 手机号: 'phone' },
    time: { column: '下单时间', zone: 'Asia/Shanghai' },
    amount: { column: '实付金额(元)', unit: '元', currency: 'CNY' },
    messageId: ['订单号'],
    props: { 订单号: '订单号', 备注: '备注' },
  })
  expect(JSON.stringify(seen.rows)).not.toMatch(/1990000000[19]/)
  expect(seen.rows).toMatchObject([
    { line: 2, event: { event: 'Order Completed', ts: '2024-03-01T01:05:00.000Z', messageId: 'A1', props: { total: 1234.5 } } },
  ])
})

test('the command proposes, shows, imports, saves the rejects, and does nothing the second time', async () => {
  const file = join(directory, 'orders.csv')
  const map = join(directory, 'mapping.json')
  await writeFile(file, rows)
  await writeFile(map, JSON.stringify(mapping))
  const run = async (options: Partial<Parameters<typeof importFiles>[2]> = {}) => {
    const said: string[] = []
    const output = { out: (text: string) => void said.push(text), notes: (text: string) => void said.push(text) }
    const code = await importFiles(api, [file], { map, dryRun: false, rejects: undefined, json: false, ...options }, output)
    return { code, text: said.join('\n') }
  }
  expect(await run({ map: undefined })).toMatchObject({ code: 2, text: expect.stringContaining('"phone": "phone"') })
  const shown = await run({ dryRun: true })
  expect(shown.code).toBe(5)
  expect(shown.text).toContain('line 2: Order Completed at 2024-03-01T02:00:00.000Z of phone 199****0001; note="好"')
  expect(shown.text).toContain('line 3: REJECTED time:')
  const imported = await run()
  expect(imported.code).toBe(5)
  expect(imported.text).toMatch(
    /3 rows: 2 imported, 1 rejected, see .*orders\.csv\.rejected\.csv\n.*WARNING: 33% of the rows were rejected/,
  )
  expect(await readFile(`${file}.rejected.csv`, 'utf8')).toContain('19900000002,bad,x')
  expect((await stat(`${file}.rejected.csv`)).mode & 0o777).toBe(0o600)
  expect(await run()).toMatchObject({ code: 0, text: expect.stringContaining('was imported before') })
})

test('an import can be paused, resumed and cancelled', async () => {
  const many = `phone,time,note\n${Array.from({ length: 60_000 }, (_, index) => `1990000${String(index % 10_000).padStart(4, '0')},2024-03-01 10:00,${index}\n`).join('')}`
  const query = new URLSearchParams({ mapping: JSON.stringify(mapping) })
  const { id } = (await (await send('POST', `/api/imports?${query}`, { body: many })).json()) as ImportAnswer
  const paused = await api.call<ImportAnswer>('POST', `/api/imports/${id}/pause`)
  expect(paused.state).toBe('paused')
  expect((await send('POST', `/api/imports/${id}/pause`)).status).toBe(409)
  await api.call('POST', `/api/imports/${id}/resume`)
  expect(await api.call<ImportAnswer>('POST', `/api/imports/${id}/cancel`)).toMatchObject({ state: 'cancelled' })
  expect((await send('POST', `/api/imports/${id}/resume`)).status).toBe(409)
  await importer.idle()
})
