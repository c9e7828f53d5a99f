import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { z } from 'zod'

const retail = join(import.meta.dirname, '..', 'examples', 'retail')

function lines(file: string): string[] {
  return gunzipSync(readFileSync(join(retail, 'files', file)))
    .toString('utf8')
    .trimEnd()
    .split('\n')
}

const orderSchema = z.looseObject({ total: z.number(), products: z.array(z.looseObject({ product_id: z.string(), total: z.number() })) })
const orders = (file: string) => lines(file).map(line => orderSchema.parse(JSON.parse(line)))
const cents = (amount: number) => Math.round(amount * 100)
const sum = (numbers: number[]) => numbers.reduce((total, next) => total + next, 0)

test('the carried orders are those of the source: 75,000 lines in 47,243 baskets for $233,935.24', () => {
  const baskets = orders('orders.ndjson.gz')
  expect(baskets).toHaveLength(47_243)
  expect(sum(baskets.map(basket => basket.products.length))).toBe(75_000)
  expect(sum(baskets.map(basket => cents(basket.total)))).toBe(23_393_524)
  expect(new Set(baskets.map(basket => basket.household_id)).size).toBe(2377)
})

test('the total of an order is the sum of its lines', () => {
  const all = [...orders('orders.ndjson.gz'), ...orders('shop-orders.ndjson.gz')]
  expect(all.filter(({ total, products }) => cents(total) !== sum(products.map(line => cents(line.total))))).toEqual([])
})

test.each([
  ['households.csv.gz', 801],
  ['campaigns.csv.gz', 6589],
  ['redemptions.csv.gz', 2102],
  ['shop-clicks.csv.gz', 17_220],
])('%s has the rows of its source', (file, rows) => {
  expect(lines(file)).toHaveLength(rows + 1)
})

test('SOURCES.md names every carried file and its rows', () => {
  const page = readFileSync(join(retail, 'SOURCES.md'), 'utf8')
  const named = [...page.matchAll(/^\| `([\w.-]+)` \| ([\d,]+) \|/gm)].map(
    ([, file = '', rows = '']) => [file, Number(rows.replaceAll(',', ''))] as const,
  )
  expect(named).toHaveLength(6)
  for (const [file, rows] of named) expect(lines(file).length - (file.includes('.csv') ? 1 : 0), file).toBe(rows)
})
