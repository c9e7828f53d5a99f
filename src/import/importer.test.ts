import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestStores, testStores } from '../../test/stores.ts'
import type { CanonicalEvent } from '../collect/event.ts'
import { Importer } from './importer.ts'
import { type Import, importById } from './imports.ts'
import type { ImportBatch } from './sink.ts'
import { type PlacedEvents, tableSink, testImporter } from './table-sink.fixture.ts'

let stores: TestStores
let directory: string
let importer: Importer

beforeAll(async () => {
  stores = await testStores()
  directory = await mkdtemp(join(tmpdir(), 'zhike-import-'))
  await tableSink.prepare(stores.postgres)
  importer = new Importer(importerDependencies())
})

afterAll(() => rm(directory, { recursive: true, force: true }))

function orders(source: string) {
  return {
    source,
    kind: 'events',
    event: 'Order Completed',
    identifiers: { phone: 'phone' },
    time: { column: 'time', zone: 'Asia/Shanghai' },
    amount: { column: 'amount', unit: '分', currency: 'CNY' },
    props: { sku: 'sku' },
  }
}

const header = 'phone,time,amount,sku\n'
function order(person: number, amount: number, sku = 'A'): string {
  return `1990000${String(person).padStart(4, '0')},2024-03-01 10:00:00,${amount},${sku}\n`
}

/** Imports a file and tells how it ended. */
async function bring(text: string | Buffer, mapping: object, options: { again?: boolean } = {}): Promise<Import & { kind: string }> {
  const path = await importer.uploadPath()
  await writeFile(path, text)
  const added = await importer.add({ path, fileName: 'orders.csv', mapping, ...options })
  const ended = added.kind === 'repeated' ? added.import : await importer.run(added.import.id)
  return { ...ended, kind: added.kind }
}

const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, index) => order(from + index, 100 + index)).join('')

test('every row becomes an event, in the order of the file', async () => {
  const source = fresh()
  const ended = await bring(header + numbered(50), orders(source))
  expect(ended).toMatchObject({ state: 'done', rowsRead: 50, imported: 50, rejected: 0, repeated: 0 })
  const events = await tableSink.events(stores.postgres, source)
  expect(events.map(event => event.identifiers[0]?.value)).toEqual(
    Array.from({ length: 50 }, (_, index) => `1990000${String(index).padStart(4, '0')}`),
  )
  expect(events[3]).toEqual({
    messageId: `import/${ended.id}/5`,
    event: 'Order Completed',
    ts: Date.UTC(2024, 2, 1, 2),
    receivedAt: Date.UTC(2026, 9, 1),
    source,
    channel: 'import',
    historical: true,
    props: { sku: 'A', total: 1.03, currency: 'CNY' },
    context: {},
    identifiers: [{ namespace: 'phone', value: '19900000003' }],
    traits: [],
    consents: [],
  })
})

test('the same file brings nothing a second time, nor does it under another name', async () => {
  const source = fresh()
  await bring(header + numbered(20), orders(source))
  expect(await bring(header + numbered(20), orders(source))).toMatchObject({ kind: 'repeated', imported: 20 })
  expect(await tableSink.events(stores.postgres, source)).toHaveLength(20)
})

test('a file that has grown, or was sorted anew, brings only its new rows', async () => {
  const source = fresh()
  await bring(header + numbered(20), orders(source))
  const grown = await bring(header + order(900, 5) + numbered(25), orders(source))
  expect(grown).toMatchObject({ state: 'done', rowsRead: 26, imported: 6, repeated: 20 })
})

test('identical rows of one file are as many facts, and as many are known afterwards', async () => {
  const source = fresh()
  const copies = order(1, 100).repeat(30)
  expect(await bring(header + copies, orders(source))).toMatchObject({ imported: 30, repeated: 0 })
  const later = await bring(header + order(2, 1) + copies + order(1, 100).repeat(3), orders(source))
  expect(later).toMatchObject({ imported: 4, repeated: 30 })
})

test('rows with a message id are told apart by it alone', async () => {
  const source = fresh()
  const mapping = { ...orders(source), messageId: ['sku'] }
  const text = header + order(1, 100, 'A') + order(2, 100, 'B') + order(3, 100, 'A')
  expect(await bring(text, mapping)).toMatchObject({ imported: 2, repeated: 1 })
  expect(await bring(header + order(1, 999, 'A') + order(1, 5, 'C'), mapping)).toMatchObject({ imported: 1, repeated: 1 })
  expect((await tableSink.events(stores.postgres, source)).map(event => event.messageId)).toEqual(['A', 'B', 'C'])
})

test('of the nightly export of the members only what has changed is new, and what changes back is, too', async () => {
  const source = fresh()
  const mapping = { source, kind: 'profiles', identifiers: { id: 'member_id' }, traits: { city: 'city' } }
  const night = (...cities: string[]) => `id,city\n${cities.map((city, index) => `M${index},${city}\n`).join('')}`
  expect(await bring(night('上海', '北京'), mapping)).toMatchObject({ imported: 2, repeated: 0 })
  expect(await bring(night('杭州', '北京'), mapping)).toMatchObject({ imported: 1, repeated: 1 })
  expect(await bring(night('上海', '北京'), mapping)).toMatchObject({ kind: 'new', imported: 1, repeated: 1 })
  expect(await bring(night('上海', '北京'), mapping)).toMatchObject({ kind: 'repeated' })
})

test('rows that cannot be taken are kept with their line, column and reason, and can be mended and imported', async () => {
  const source = fresh()
  const bad = [',2024-03-01 10:00:00,1,A', '19900000001,2024-02-30 10:00:00,1,A', '19900000001,2024-03-01 10:00:00,eleven,A', '1,2,3']
  const ended = await bring(`${header}${order(1, 1)}${bad.join('\n')}\n${order(2, 2)}`, orders(source))
  expect(ended).toMatchObject({ state: 'done', imported: 2, rejected: 4 })
  const rejected = await textOf(await importer.rejects(ended.id))
  expect(rejected.split('\n')).toEqual([
    'rejected_line,rejected_column,rejected_reason,phone,time,amount,sku',
    `3,phone,no identifier is given: nobody would own the row,${bad[0]}`,
    `4,time,"the time must be a date and time that exist, in the format that the mapping names",${bad[1]}`,
    `5,amount,the amount must be a number,${bad[2]}`,
    '6,,"the row has 3 fields, the header has 4","1,2,3"',
    '',
  ])
  const mended = rejected.replace('eleven', '11').replace(/\n6,.*\n/, '\n')
  expect(await bring(mended, orders(source))).toMatchObject({ imported: 1, rejected: 2 })
})

test('rows that nobody can own are rejects, too, and not remembered', async () => {
  const source = fresh()
  const refusing = tableSink(stores.postgres, event => event.identifiers[0]?.value === '19900000002')
  const own = new Importer({ ...importerDependencies(), sink: refusing })
  const path = await own.uploadPath()
  await writeFile(path, header + numbered(4))
  const { import: added } = await own.add({ path, fileName: 'orders.csv', mapping: orders(source) })
  expect(await own.run(added.id)).toMatchObject({ imported: 3, rejected: 1 })
  expect(await textOf(await own.rejects(added.id))).toContain('4,,not one of ours,19900000002,')
  expect(await bring(header + numbered(5), orders(source))).toMatchObject({ imported: 2, repeated: 3 })
})

test('a paused import goes on where it stopped', async () => {
  const source = fresh()
  const path = await importer.uploadPath()
  await writeFile(path, `${header}${numbered(200)}broken\n${numbered(200, 200)}`)
  const { import: added } = await importer.add({ path, fileName: 'orders.csv', mapping: orders(source) })
  let paused: Promise<unknown> | undefined
  const ended = await importer.run(added.id, () => {
    paused ??= importer.pause(added.id)
  })
  await paused
  expect(ended.state).toBe('paused')
  expect(ended.imported).toBeLessThan(200)
  await importer.goOn(added.id)
  await importer.idle()
  expect(await importById(stores.postgres, added.id)).toMatchObject({ state: 'done', imported: 400, rejected: 1, rowsRead: 401 })
  expect(await tableSink.events(stores.postgres, source)).toHaveLength(400)
})

test('what a cancelled import brought stays and is known', async () => {
  const source = fresh()
  const path = await importer.uploadPath()
  await writeFile(path, header + numbered(200))
  const { import: added } = await importer.add({ path, fileName: 'orders.csv', mapping: orders(source) })
  let cancelled: Promise<unknown> | undefined
  const ended = await importer.run(added.id, () => {
    cancelled ??= importer.cancel(added.id)
  })
  await cancelled
  await importer.idle()
  expect(ended.state).toBe('cancelled')
  expect(await stat(path).catch(() => 'gone')).toBe('gone')
  const next = await bring(header + numbered(200), orders(source))
  expect(next).toMatchObject({ kind: 'new', imported: 200 - ended.imported, repeated: ended.imported })
})

test('a later file knows what a paused import has brought', async () => {
  const source = fresh()
  const path = await importer.uploadPath()
  await writeFile(path, header + numbered(100))
  const { import: added } = await importer.add({ path, fileName: 'orders.csv', mapping: orders(source) })
  let paused: Promise<unknown> | undefined
  const halted = await importer.run(added.id, () => {
    paused ??= importer.pause(added.id)
  })
  await paused
  expect(await bring(header + numbered(120), orders(source))).toMatchObject({ imported: 120 - halted.imported, repeated: halted.imported })
  await importer.goOn(added.id)
  await importer.idle()
  expect(await importById(stores.postgres, added.id)).toMatchObject({
    state: 'done',
    imported: halted.imported,
    repeated: 100 - halted.imported,
  })
})

test('a decided batch can be read again from the file', async () => {
  const source = fresh()
  const sink = tableSink(stores.postgres)
  const batches = new Map<number, unknown[]>()
  const recording = {
    ...sink,
    submit(batch: ImportBatch) {
      const { range, placed } = batch.draft as PlacedEvents
      const events = new Array<CanonicalEvent | undefined>(batch.rows).fill(undefined)
      for (const { index, event } of placed) events[index] = event
      batches.set(range, events)
      return sink.submit(batch)
    },
  }
  const own = new Importer({ ...importerDependencies(), sink: recording })
  for (const compressed of [false, true]) {
    const text = Buffer.from(`${header}${order(1, 1)}bad\n"19900000002","2024-03-01\n 10:00",7,"好""x"\n${numbered(60, 100)}`)
    const path = await own.uploadPath()
    await writeFile(path, compressed ? gzipSync(text) : text)
    const { import: added } = await own.add({ path, fileName: 'orders.csv', mapping: orders(`${source}-${compressed}`) })
    batches.clear()
    const run = own.run(added.id, () => {
      paused ??= own.pause(added.id)
    })
    let paused: Promise<unknown> | undefined
    await run
    await paused
    expect(batches.size).toBeGreaterThan(0)
    for (const [range, events] of batches) {
      if (await wasDecided(range)) expect(await own.replay(range)).toEqual(events)
    }
    await own.cancel(added.id)
    await own.idle()
  }
})

test('gzip and NDJSON', async () => {
  const source = fresh()
  const lines = Array.from({ length: 40 }, (_, index) =>
    JSON.stringify({ who: { phone: `1990000${1000 + index}` }, at: 1_709_258_400 + index, n: index }),
  )
  const mapping = {
    source,
    kind: 'events',
    event: 'Visited',
    identifiers: { 'who.phone': 'phone' },
    time: { column: 'at', format: 'unix' },
    props: { n: { key: 'n', type: 'number' } },
  }
  expect(await bring(gzipSync(`${lines.join('\n')}\nnot json\n[1]\n`), mapping)).toMatchObject({ imported: 40, rejected: 2 })
})

test('the same file under another mapping is refused, unless it is asked for', async () => {
  const source = fresh()
  await bring(header + numbered(5), orders(source))
  const other = { ...orders(source), props: {} }
  await expect(bring(header + numbered(5), other)).rejects.toMatchObject({ code: 'imported-under-another-mapping' })
  expect(await bring(header + numbered(5), other, { again: true })).toMatchObject({ imported: 5 })
})

test('a damaged file fails with a sentence, keeps what it brought, and the mended one brings the rest', async () => {
  const source = fresh()
  const whole = gzipSync(header + numbered(30_000))
  const failed = await bring(whole.subarray(0, whole.length - 2_000), orders(source))
  expect(failed).toMatchObject({ state: 'failed', failure: 'The compressed file is damaged or cut off: copy it again.' })
  expect(failed.imported).toBeGreaterThan(0)
  expect(await bring(whole, orders(source))).toMatchObject({ state: 'done', imported: 30_000 - failed.imported, repeated: failed.imported })
}, 60_000)

test('nothing is left but the rejects and the ledgers', async () => {
  await importer.idle()
  const source = fresh()
  const ended = await bring(`${header}${order(1, 1)}bad\n`, orders(source))
  expect(await readdir(join(directory, `${ended.id}`))).toEqual(['rejected.sealed'])
})

function importerDependencies() {
  return { ...testImporter(stores.postgres, directory), batchRows: 7, chunkBytes: 300 }
}

function fresh(): string {
  return `s${randomUUID().slice(0, 8)}`
}

async function textOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all).toString()
}

async function wasDecided(range: number): Promise<boolean> {
  return (await stores.postgres.query('select 1 from import_batches where range = $1', [range])).length > 0
}
