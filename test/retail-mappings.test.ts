import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import type { CanonicalEvent } from '../src/collect/event.ts'
import { inspectFile } from '../src/import/inspect.ts'
import { readMapping } from '../src/import/mapping/mapping.ts'
import { isFault, leftOut } from '../src/import/mapping/row-mapper.ts'
import { blocksOf } from '../src/import/readers/blocks.ts'
import { chunksOf } from '../src/import/readers/chunks.ts'
import type { RowFault } from '../src/import/readers/rows.ts'
import { readingOf } from '../src/import/reading.ts'

const retail = join(import.meta.dirname, '..', 'examples', 'retail')
const files = readdirSync(join(retail, 'files')).map(file => [basename(file, '.gz').replace(/\.(csv|ndjson)$/, ''), file] as const)

/** Every row of a carried file as its mapping makes it. */
async function eventsOf(name: string): Promise<{ events: CanonicalEvent[]; faults: RowFault[] }> {
  const path = join(retail, 'files', files.find(([known]) => known === name)?.[1] ?? '')
  const document = readFileSync(join(retail, 'mappings', `${name}.json`), 'utf8')
  const mapping = readMapping(JSON.parse(document))
  const shape = await inspectFile(path, mapping.format, name)
  const { map, scan } = readingOf({ id: 1, mapping: document, shape, source: mapping.source ?? '', receivedAt: 0 }, 'Asia/Shanghai')
  const { chunks } = await chunksOf(path, shape.start.offset)
  const events: CanonicalEvent[] = []
  const faults: RowFault[] = []
  for await (const block of blocksOf(chunks, scan, shape.start)) {
    for (let row = 0; row < block.count; row++) {
      const mapped = map(block, row)
      if (mapped === leftOut) continue
      if (isFault(mapped)) faults.push(mapped)
      else events.push(mapped)
    }
  }
  return { events, faults }
}

test('every carried file has its mapping, and every mapping its file', () => {
  const mappings = readdirSync(join(retail, 'mappings')).map(file => basename(file, '.json'))
  expect(mappings.sort()).toEqual(files.map(([name]) => name).sort())
})

test.each(files.map(([name]) => name))('every row of %s becomes an event', async name => {
  const { events, faults } = await eventsOf(name)
  expect(faults).toEqual([])
  expect(events.length).toBeGreaterThan(100)
})

test('message ids tell all orders, campaigns and redemptions apart', async () => {
  for (const name of ['orders', 'campaigns', 'redemptions', 'shop-orders']) {
    const ids = (await eventsOf(name)).events.map(event => event.messageId)
    expect(new Set(ids).size, name).toBe(ids.length)
  }
})

test('an order is one event with its products, at its time in UTC, with its total in dollars', async () => {
  const [order] = (await eventsOf('orders')).events
  expect(order).toMatchObject({
    event: 'Order Completed',
    ts: Date.parse('2017-01-01T12:30:27Z'),
    source: 'grocery',
    historical: true,
    identifiers: [{ namespace: 'member_id', value: '906' }],
    props: {
      order_id: '31198705046',
      total: 1.5,
      currency: 'USD',
      discount: 0.29,
      products: [{ product_id: '1075313', category: 'SEAFOOD - SHELF STABLE', quantity: 1, total: 1.5 }],
    },
  })
})

test('a click of the web shop is a product viewed or added by its visitor', async () => {
  const { events } = await eventsOf('shop-clicks')
  expect(
    Object.fromEntries(
      Map.groupBy(events, event => event.event)
        .entries()
        .map(([name, group]) => [name, group.length]),
    ),
  ).toEqual({
    'Product Viewed': 17_055,
    'Product Added': 165,
  })
  expect(events[0]).toMatchObject({
    ts: Date.parse('2019-10-01T00:00:00Z'),
    identifiers: [{ namespace: 'user_id', value: '541312140' }],
    props: { brand: 'shiseido', price: 35.79 },
  })
})

test('what is known of a household becomes its traits', async () => {
  const [household] = (await eventsOf('households')).events
  expect(household?.traits).toContainEqual({ key: 'age_range', op: 'set', value: '65+' })
  expect(household?.traits).toContainEqual({ key: 'household_size', op: 'set', value: '2' })
})
