import { expect, it } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { compile } from './compile.ts'
import { countOf } from './operations.ts'
import { parseRule } from './parse.ts'
import type { Rule } from './schema.ts'
import { contextOf } from './world.fixture.ts'

const { clickhouse } = await testStores()
const kinds = [{ key: 'product', namedBy: ['product_id', 'products[].product_id', 'sku'] }]
const context = contextOf(
  { zone: 'Asia/Shanghai', events: [], traits: [], consents: [], roots: new Map(), sensitive: new Map(), kinds },
  Date.parse('2026-10-01'),
)

it('the largest rules that are taken can be run', async () => {
  const wide = {
    any: Array.from({ length: 80 }, (_, index) => ({
      event: `E${index}`,
      where: [{ prop: `p${index}`, gte: index }],
      within: '7d',
      count: { gte: 2 },
    })),
  }
  const deep = Array.from({ length: 18 }).reduce<Rule>(
    (inner, _, index) => (index % 2 ? { not: inner } : { all: [inner, { consent: 'a' }] }),
    { event: 'A' },
  )
  const items = {
    any: Array.from({ length: 20 }, (_, index) => ({
      event: `E${index}`,
      where: [{ item: `product.a${index}`, withinNext: '3mo' }],
      within: '7d',
      count: { gte: 2 },
    })),
  }
  for (const rule of [wide, deep, items]) expect((await countOf(clickhouse, parseRule(rule), context)).count).toBe(0)
})

it('what would be too long a statement is refused', () => {
  const date = { trait: 'd', before: '2026-01-01', after: '2025-01-01', withinLast: '3mo', withinNext: '3mo', anniversaryWithin: '9d' }
  const rule = parseRule({ any: Array.from({ length: 190 }, (_, index) => ({ ...date, trait: `d${index}` })) })
  expect(() => compile(rule, context)).toThrow('split')
})
