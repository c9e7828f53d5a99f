import { expect, it } from 'vitest'
import { testStores } from '../../test/stores.ts'
import type { JsonObject } from '../collect/event.ts'
import { parseRule } from './parse.ts'
import type { Rule } from './schema.ts'
import { compiledVerdicts, contextOf, store } from './world.fixture.ts'

const { clickhouse } = await testStores()
const now = Date.parse('2026-12-10T10:00:00+08:00')
const day = 86_400_000

/** What a clinic's operations team writes, and one person each: their events by days ago. */
const stories: { says: string; rule: Rule; meets: [number, string, JsonObject?][]; fails: [number, string, JsonObject?][] }[] = [
  {
    says: 'won back: bought again after nothing between 330 and 60 days ago',
    rule: {
      all: [
        { event: 'Order Completed', within: '60d' },
        { event: 'Order Completed', sinceFirst: { gt: '330d' } },
        { event: 'Order Completed', within: { ago: ['330d', '60d'] }, count: { eq: 0 } },
      ],
    },
    meets: [
      [400, 'Order Completed'],
      [10, 'Order Completed'],
    ],
    fails: [
      [400, 'Order Completed'],
      [200, 'Order Completed'],
      [10, 'Order Completed'],
    ],
  },
  {
    says: 'looked at the same expensive package twice, did not add it',
    rule: {
      event: 'Product Viewed',
      per: 'product_id',
      where: [
        { prop: 'price', gte: 3000 },
        { prop: 'duration_s', gte: 5 },
      ],
      within: '7d',
      count: { gte: 2 },
      without: { event: 'Product Added', within: '7d' },
    },
    meets: [
      [5, 'Product Viewed', { product_id: 'P107', price: 6800, duration_s: 9 }],
      [2, 'Product Viewed', { product_id: 'P107', price: 6800, duration_s: 30 }],
      [1, 'Product Added', { product_id: 'P109' }],
    ],
    fails: [
      [5, 'Product Viewed', { product_id: 'P107', price: 6800, duration_s: 9 }],
      [2, 'Product Viewed', { product_id: 'P107', price: 6800, duration_s: 30 }],
      [1, 'Product Added', { product_id: 'P107' }],
    ],
  },
  {
    says: 'not contacted for three days, or never',
    rule: {
      any: [
        { event: 'Advisor Contacted', sinceLast: { gt: '3d' } },
        { event: 'Advisor Contacted', count: { eq: 0 } },
      ],
    },
    meets: [[4, 'Advisor Contacted']],
    fails: [[3, 'Advisor Contacted']],
  },
  {
    says: 'net spend of 10,000 in a year',
    rule: { event: ['Order Completed', 'Order Refunded'], within: '365d', sum: { prop: 'total', gte: 10000 } },
    meets: [
      [300, 'Order Completed', { total: 9999.99 }],
      [2, 'Order Completed', { total: 0.01 }],
    ],
    fails: [
      [300, 'Order Completed', { total: 10000 }],
      [2, 'Order Refunded', { total: -0.01 }],
    ],
  },
  {
    says: 'the discount is 15% on average',
    rule: { event: 'Order Completed', within: '365d', avg: { prop: 'discount_rate', gte: 0.15 } },
    meets: [
      [3, 'Order Completed', { discount_rate: 0.1 }],
      [2, 'Order Completed', { discount_rate: 0.2 }],
    ],
    fails: [
      [3, 'Order Completed', { discount_rate: 0.1 }],
      [2, 'Order Completed', { discount_rate: 0.19 }],
    ],
  },
]

it.each(stories)('$says', async ({ rule, meets, fails }) => {
  const events = [meets, fails].flatMap((list, leaf) =>
    list.map(([daysAgo, event, props = {}], index) => ({
      leaf: leaf + 1,
      ts: now - daysAgo * day,
      position: leaf * 100 + index,
      event,
      props,
      context: {},
    })),
  )
  const world = { zone: 'Asia/Shanghai', events, traits: [], consents: [], roots: new Map(), sensitive: new Map() }
  await store(clickhouse, world)
  const verdicts = await compiledVerdicts(clickhouse, parseRule(rule), contextOf(world, now))
  expect(Object.fromEntries(verdicts)).toEqual({ 1: true, 2: false })
})
