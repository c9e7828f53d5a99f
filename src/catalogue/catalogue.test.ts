import { Validator } from '@seriousme/openapi-schema-validator'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { auditEntries } from '../access/audit.ts'
import type { Caller } from '../access/caller.ts'
import { createApi } from '../http/api.ts'
import { createLogger } from '../http/logger.ts'
import { type Served, serve } from '../http/server.ts'
import { type Catalogue, openCatalogue } from './catalogue.ts'
import { entityRoutes } from './entity-routes.ts'
import { kindRoutes } from './kind-routes.ts'
import { mirrorEntities } from './mirror.ts'

const { postgres, clickhouse } = await testStores()
const now = Date.UTC(2026, 9, 1)
const caller: Caller = { id: 'key_tests', name: 'tests', permissions: new Set(['read', 'write']) }
let catalogue: Catalogue
let served: Served

beforeAll(async () => {
  catalogue = await openCatalogue(postgres, () => now)
  const logger = createLogger('silent')
  const app = createApi({
    authenticate: () => caller,
    logger,
    registry: new Registry(),
    checks: [],
    routes: [api => kindRoutes(api, catalogue, postgres), api => entityRoutes(api, catalogue, postgres, () => now)],
    version: '0',
  })
  served = await serve(app, async () => false, { host: '127.0.0.1', port: 0, logger })
})
afterAll(() => served.stop())
beforeEach(async () => {
  await postgres.query('truncate entities, entity_kinds, entity_changes, audit')
  await clickhouse.command('truncate table entities')
  await catalogue.reload()
})

const call = async (method: string, path: string, body?: unknown, type = 'application/json') => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const headers = { authorization: 'Bearer any', 'content-type': type }
  const response = await fetch(`${served.url}${path}`, { method, headers, ...(body !== undefined && { body: text }) })
  return { status: response.status, body: (response.status === 204 ? undefined : await response.json()) as never }
}
const faultsOf = async (path: string, document: object) => {
  const { status, body } = await call('PUT', path, document)
  return [status, ((body as { details?: { path: string }[] }).details ?? []).map(detail => detail.path)]
}
const mirrored = () =>
  clickhouse.query<{ id: string; attributes: object }>('select id, attributes from entities final where not deleted order by kind, id')

describe('kinds', () => {
  test('there are defaults; one is changed and becomes what it was', async () => {
    const { body } = await call('GET', '/api/entity-kinds')
    expect((body as { kinds: { kind: string }[] }).kinds.map(({ kind }) => kind)).toEqual([
      'advisor',
      'campaign',
      'content',
      'coupon',
      'doctor',
      'product',
      'service',
      'store',
    ])
    const document = { zh: '项目', namedBy: ['product_id'], attributes: { category: { zh: '品类', type: 'string' } } }
    expect((await call('PUT', '/api/entity-kinds/product', document)).body).toEqual({ kind: 'product', ...document, version: 1 })
    expect(catalogue.kind('product').namedBy).toEqual(['product_id'])
    expect((await call('PUT', '/api/entity-kinds/product', { ...document, version: 0 })).status).toBe(409)
    expect((await call('DELETE', '/api/entity-kinds/product?version=1')).status).toBe(204)
    expect((await call('GET', '/api/entity-kinds/product')).body).toMatchObject({ zh: '商品', version: 2 })
  })

  test('a workspace adds its own, seen by another process after its reload, and removes it when nothing is of it', async () => {
    const other = await openCatalogue(postgres, () => now)
    expect((await call('PUT', '/api/entities/room/R1', { zh: '一号' })).status).toBe(404)
    await call('PUT', '/api/entity-kinds/room', { zh: '诊室', namedBy: ['room_id', 'visit.rooms[].id'] })
    expect(() => other.kind('room')).toThrow('advisor, campaign')
    await other.reload()
    expect(other.kind('room').zh).toBe('诊室')
    await call('PUT', '/api/entities/room/R1', { zh: '一号' })
    expect(await call('DELETE', '/api/entity-kinds/room')).toMatchObject({ status: 409, body: { code: 'kind-in-use' } })
    await call('DELETE', '/api/entities/room/R1')
    expect((await call('DELETE', '/api/entity-kinds/room')).status).toBe(204)
    expect((await call('GET', '/api/entity-kinds/room')).status).toBe(404)
  })

  test('what does not fit is refused by path', async () => {
    expect(await faultsOf('/api/entity-kinds/room', { namedBy: ['a..b'] })).toEqual([422, ['namedBy[0]']])
    expect(await faultsOf('/api/entity-kinds/room', { namedBy: [], attributes: { 'a.b': {} } })).toEqual([422, ['attributes.a.b']])
    expect((await call('PUT', '/api/entity-kinds/Room', { namedBy: [] })).status).toBe(400)
  })
})

describe('entities', () => {
  test('one is written, read, replaced and removed, in turn, and the audit tells who', async () => {
    const document = {
      zh: '光子护理(单次)',
      attributes: { category: 'photo', price: 1280, skin: ['dry', 'oily'], fragile: true },
      tags: { 'skin_type=dry': 1, frequent: 0.4 },
      until: '2027-02-28',
      status: 'active',
    }
    const written = { id: 'P/104', ...document, version: 1, updatedAt: new Date(now).toISOString() }
    expect((await call('PUT', '/api/entities/product/P%2F104', document)).body).toEqual(written)
    expect((await call('GET', '/api/entities/product/P%2F104')).body).toEqual(written)
    expect((await call('PUT', '/api/entities/product/P%2F104', { en: 'Photo', version: 0 })).status).toBe(409)
    expect((await call('PUT', '/api/entities/product/P%2F104', { en: 'Photo', version: 1 })).body).toMatchObject({
      en: 'Photo',
      version: 2,
    })
    expect((await call('DELETE', '/api/entities/product/P%2F104?version=1')).status).toBe(409)
    expect((await call('DELETE', '/api/entities/product/P%2F104?version=2')).status).toBe(204)
    expect((await call('GET', '/api/entities/product/P%2F104')).status).toBe(404)
    const both = await Promise.all(['甲', '乙'].map(zh => call('PUT', '/api/entities/product/new', { zh, version: 0 })))
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
    expect((await auditEntries(postgres, 9)).map(({ who, did, what }) => `${who} ${did} ${what}`)).toEqual([
      'key_tests entity.change product:new',
      'key_tests entity.remove product:P/104',
      'key_tests entity.change product:P/104',
      'key_tests entity.change product:P/104',
    ])
  })

  test('what does not fit is refused by path; of personal data the sentence says nothing', async () => {
    await call('PUT', '/api/entity-kinds/store', { namedBy: ['store_id'], attributes: { rooms: { type: 'number' } } })
    expect(await faultsOf('/api/entities/store/S1', { color: 'red' })).toEqual([422, ['']])
    expect(await faultsOf('/api/entities/store/S1', { attributes: { a: { b: 1 } } })).toEqual([422, ['attributes.a']])
    expect(await faultsOf('/api/entities/store/S1', { attributes: { 'a.b': 1 } })).toEqual([422, ['attributes.a.b']])
    expect(await faultsOf('/api/entities/store/S1', { attributes: { zh: '一店' } })).toEqual([422, ['attributes.zh']])
    expect(await faultsOf('/api/entities/store/S1', { tags: { dry: 2 }, until: 'soon' })).toEqual([422, ['tags.dry', 'until']])
    expect(await faultsOf('/api/entities/store/S1', { attributes: { rooms: '3' } })).toEqual([422, ['attributes.rooms']])
    const personal = await call('PUT', '/api/entities/store/S1', { attributes: { manager: '请打 199 0000 1234', hotline: '4001234567' } })
    expect(personal).toMatchObject({ status: 422, body: { details: [{ path: 'attributes.manager' }] } })
    expect(JSON.stringify(personal.body)).not.toContain('1234')
  })

  test('a page at a time, by id, and found by a part of a name', async () => {
    const rows = Array.from({ length: 25 }, (_, n) => ({ id: `P${n + 100}`, zh: n % 5 === 0 ? `补水 100%_${n}` : `光子 ${n}` }))
    await call('POST', '/api/entities/product', rows)
    const ids: string[] = []
    for (let next: string | undefined = ''; next !== undefined; ) {
      const { body } = await call('GET', `/api/entities/product?limit=10${next && `&after=${next}`}`)
      const page = body as { entities: { id: string }[]; next?: string }
      ids.push(...page.entities.map(({ id }) => id))
      next = page.next
    }
    expect(ids).toEqual(rows.map(({ id }) => id))
    const found = async (search: string) =>
      ((await call('GET', `/api/entities/product?search=${encodeURIComponent(search)}`)).body as { entities: unknown[] }).entities.length
    expect([await found('补水'), await found('p10'), await found('0%_2'), await found('%'), await found('无')]).toEqual([5, 10, 1, 5, 0])
  })
})

describe('many at once', () => {
  test('good rows go in, the others come back with their reason; what is as it was stays at its version', async () => {
    const rows = [
      { id: 'P1', zh: '补水', category: 'hydration', price: 680, tags: { 'skin_type=dry': 1 }, until: null, status: '' },
      { id: 7, attributes: { category: 'photo' }, price: 3 },
      { zh: '无号' },
      { id: 'P2', nested: { a: 1 } },
      { id: 'P3', until: '明天' },
      'text',
      { id: 'P4', note: 'li.lei@example.com' },
      { id: 'P5', n: 1 },
      { id: 'P5', n: 2 },
    ]
    expect((await call('POST', '/api/entities/product', rows)).body).toEqual({
      taken: 3,
      changed: 3,
      refused: 6,
      faults: [
        { row: 3, path: 'id', message: expect.any(String) },
        { row: 4, id: 'P2', path: 'attributes.nested', message: expect.any(String) },
        { row: 5, id: 'P3', path: 'until', message: expect.any(String) },
        { row: 6, path: '', message: expect.any(String) },
        { row: 7, id: 'P4', path: 'attributes.note', message: expect.stringContaining('personal') },
        { row: 8, id: 'P5', path: 'id', message: expect.stringContaining('row 9') },
      ],
    })
    expect((await call('GET', '/api/entities/product/P1')).body).toEqual({
      id: 'P1',
      zh: '补水',
      attributes: { category: 'hydration', price: 680 },
      tags: { 'skin_type=dry': 1 },
      version: 1,
      updatedAt: expect.any(String),
    })
    expect((await call('GET', '/api/entities/product/7')).body).toMatchObject({ attributes: { category: 'photo', price: 3 } })
    const lines = `{"id":"P1","zh":"补水","category":"hydration","price":681,"tags":{"skin_type=dry":1}}\n\n{"id":7,"category":"photo","price":3}\nnot json\n`
    expect((await call('POST', '/api/entities/product', lines, 'application/x-ndjson')).body).toMatchObject({
      taken: 2,
      changed: 1,
      refused: 1,
      faults: [{ row: 3 }],
    })
    expect((await call('GET', '/api/entities/product/P1')).body).toMatchObject({ version: 2 })
    expect((await call('GET', '/api/entities/product/7')).body).toMatchObject({ version: 1 })
    expect((await call('POST', '/api/entities/product', 'a=1', 'application/x-www-form-urlencoded')).status).toBe(415)
  })

  test('two writers of the same entities do not wait for each other for ever', async () => {
    const rows = Array.from({ length: 500 }, (_, n) => ({ id: `P${n}`, n }))
    const answers = await Promise.all(
      [rows, rows.toReversed(), rows.map(row => ({ ...row, n: -row.n }))].map(many => call('POST', '/api/entities/product', many)),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  })
})

describe('the mirror in ClickHouse', () => {
  test('has every entity as it is now, with its own fields among its attributes', async () => {
    await call('PUT', '/api/entities/product/P1', { zh: '补水', until: '2027-01-01', attributes: { category: 'a' }, tags: { x: 1 } })
    await call('PUT', '/api/entities/product/P2', { attributes: { price: 1.5, skin: ['dry', 2], ok: false } })
    await call('PUT', '/api/entities/store/P1', {})
    const told: string[] = []
    const note = async (_: unknown, kinds: ReadonlySet<string>) => void told.push([...kinds].sort().join())
    await mirrorEntities(postgres, clickhouse, note)
    await call('PUT', '/api/entities/product/P1', { zh: '补水', attributes: { category: 'b' } })
    await call('DELETE', '/api/entities/product/P2')
    await call('PUT', '/api/entities/product/P2', { attributes: { again: true } })
    await call('DELETE', '/api/entities/store/P1')
    await mirrorEntities(postgres, clickhouse, note)
    expect(await mirrored()).toEqual([
      { id: 'P1', attributes: { category: 'b', zh: '补水' } },
      { id: 'P2', attributes: { again: true } },
    ])
    await mirrorEntities(postgres, clickhouse, note)
    expect(told).toEqual(['product,store', 'product,store'])
  })

  test('that was interrupted is done again, and a change that commits meanwhile is not lost', async () => {
    await call('PUT', '/api/entities/product/P1', { zh: '一' })
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const early = postgres.transaction(async tx => {
      await tx.query(
        `insert into entities (kind, id, document, version, updated_at, updated_by) values ('product', 'P0', '{"zh": "早"}', 1, now(), 'test')`,
      )
      await held
    })
    await call('PUT', '/api/entities/product/P2', { zh: '二' })
    const failing = () => Promise.reject(new Error('gone'))
    await expect(mirrorEntities(postgres, clickhouse, failing)).rejects.toThrow('gone')
    const between: typeof postgres = {
      ...postgres,
      async transaction(work) {
        release()
        await early
        return postgres.transaction(work)
      },
    }
    await mirrorEntities(between, clickhouse)
    await mirrorEntities(postgres, clickhouse)
    expect((await mirrored()).map(({ id }) => id)).toEqual(['P0', 'P1', 'P2'])
  })
})

test('the routes are described validly', async () => {
  const { body } = await call('GET', '/api/openapi.json')
  expect((await new Validator().validate(body)).errors).toBeUndefined()
})
