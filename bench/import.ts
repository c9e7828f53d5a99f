import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createClient } from '@clickhouse/client'
import type { Core } from '../src/core.ts'
import { fingerprint } from '../src/import/fingerprint.ts'
import { isFault, leftOut } from '../src/import/mapping/row-mapper.ts'
import { blocksOf } from '../src/import/readers/blocks.ts'
import { chunksOf } from '../src/import/readers/chunks.ts'
import { readingOf } from '../src/import/reading.ts'
import { median } from './interleave.ts'
import { withCore } from './parts/core.ts'
import type { Bench } from './report.ts'

/** A CSV of a million orders through mapping, identity and encryption, ÷ ClickHouse's own insert of the same file. */
const importBench: Bench = async report => {
  const rows = Number(report.options.rows ?? 1_000_000)
  const rounds = Number(report.options.rounds ?? 2)
  const directory = mkdtempSync(join(tmpdir(), 'zhike-bench-import-'))
  const file = join(directory, 'orders.csv')
  try {
    await pipeline(Readable.from(orders(rows)), createWriteStream(file))
    const read = await readAlone(file, rows)
    report.note(`reading and mapping alone: ${Math.round(read)} rows/s`)
    const ours: number[] = []
    const bare: number[] = []
    for (let round = 0; round < rounds; round++) {
      await withCore(async core => {
        const results = { ours: 0, bare: 0 }
        for (const contender of round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
          results[contender] = contender === 'ours' ? await imported(core, file, rows) : await inserted(core, file, rows)
        }
        report.note(`round ${round + 1}: ours ${Math.round(results.ours)} rows/s, bare ${Math.round(results.bare)} rows/s`)
        ours.push(results.ours)
        bare.push(results.bare)
      })
    }
    report.figure({ name: 'read_rows_per_s', value: read, better: 'higher' })
    report.figure({ name: 'import_rows_per_s', value: median(ours), better: 'higher' })
    report.figure({ name: 'bare_rows_per_s', value: median(bare), better: 'higher' })
    report.figure({ name: 'import_ratio', value: median(ours) / median(bare), must: 0.1, aim: 0.25, better: 'higher', unit: '%' })
    report.figure({ name: 'peak_mb', value: process.resourceUsage().maxRSS / 1024, must: 600, aim: 300, better: 'lower', unit: 'MB' })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
export default importBench

const mapping = {
  source: 'shop',
  kind: 'events',
  event: 'Order Completed',
  identifiers: { phone: 'phone', member_id: 'member_id' },
  time: { column: 'order_time', zone: 'Asia/Shanghai' },
  amount: { column: 'amount', unit: '元', currency: 'CNY' },
  props: { order_id: 'order_id', quantity: { key: 'quantity', type: 'number' }, city: 'city', channel: 'shop_channel', sku: 'sku' },
  messageId: ['order_id'],
}

/** Orders of a shop, 20 to a person: 9 columns, about 80 bytes. */
function* orders(rows: number): Generator<string> {
  const people = Math.max(1, Math.round(rows / 20))
  const cities = ['Shanghai', 'Beijing', 'Hangzhou', 'Chengdu', 'Guangzhou', 'Shenzhen']
  const channels = ['store', 'tmall', 'jd', 'mini']
  let state = 1
  const below = (bound: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % bound
  }
  let text = 'order_id,phone,member_id,order_time,amount,quantity,city,channel,sku\n'
  for (let row = 0; row < rows; row++) {
    const person = below(people)
    const time = new Date(1_700_000_000_000 + row * 7_000).toISOString()
    text += `A${100_000_000 + row},199${String(person).padStart(8, '0')},M${person},${time.slice(0, 10)} ${time.slice(11, 19)},`
    text += `${(below(100_000) / 100).toFixed(2)},${1 + below(4)},${cities[below(6)]},${channels[below(4)]},SKU${below(5_000)}\n`
    if (text.length < 262_144) continue
    yield text
    text = ''
  }
  yield text
}

/** Rows a second that become events and get their prints, without anything behind it. */
async function readAlone(file: string, rows: number): Promise<number> {
  const header = 'order_id,phone,member_id,order_time,amount,quantity,city,channel,sku'.split(',')
  const start = { offset: header.join(',').length + 1, line: 2 }
  const shape = { kind: 'csv', delimiter: ',', header, start, gzip: false } as const
  const reading = readingOf(
    { id: 1, mapping: JSON.stringify(mapping), shape: { ...shape, header }, source: 'shop', receivedAt: 0 },
    'Asia/Shanghai',
  )
  const printOf = fingerprint(reading.mapping, header, Buffer.alloc(32), 'bench')
  const prints = new Uint32Array(4)
  const startedAt = performance.now()
  let events = 0
  for await (const block of blocksOf((await chunksOf(file, start.offset)).chunks, reading.scan, start)) {
    for (let row = 0; row < block.count; row++) {
      const mapped = reading.map(block, row)
      if (mapped === leftOut || isFault(mapped)) continue
      printOf(block, row, prints, 0)
      events++
    }
  }
  if (events !== rows) throw new Error(`${events} of ${rows} rows were read`)
  return rows / ((performance.now() - startedAt) / 1_000)
}

async function imported(core: Core, file: string, rows: number): Promise<number> {
  const path = await core.importer.uploadPath()
  await copyFile(file, path)
  const startedAt = performance.now()
  const added = await core.importer.add({ path, fileName: 'orders.csv', mapping })
  const ended = await core.importer.run(added.import.id)
  const seconds = (performance.now() - startedAt) / 1_000
  const [stored] = await core.stores.clickhouse.query<{ n: number }>('select toUInt32(count()) as n from events')
  if (ended.imported !== rows || stored?.n !== rows) throw new Error(`${ended.imported} of ${rows} rows were imported, ${stored?.n} stored`)
  return rows / seconds
}

async function inserted(core: Core, file: string, rows: number): Promise<number> {
  const { clickhouse, clickhouseUrl } = core.stores
  await clickhouse.command(`
    create table bare_orders (order_id String, phone String, member_id String, order_time DateTime, amount Float64, quantity UInt8,
      city String, channel String, sku String)
    engine = MergeTree order by (member_id, order_time)`)
  const client = createClient({ url: clickhouseUrl, clickhouse_settings: { async_insert: 0 } })
  const startedAt = performance.now()
  await client.insert({ table: 'bare_orders', values: createReadStream(file, { highWaterMark: 262_144 }), format: 'CSVWithNames' })
  const seconds = (performance.now() - startedAt) / 1_000
  await client.close()
  const [stored] = await clickhouse.query<{ n: number }>('select toUInt32(count()) as n from bare_orders')
  if (stored?.n !== rows) throw new Error(`${stored?.n} of ${rows} rows were inserted`)
  return rows / seconds
}
