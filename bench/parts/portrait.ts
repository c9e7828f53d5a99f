import type { Core } from '../../src/core.ts'
import { beginFill } from '../../src/definitions/fills.ts'
import { saveDefinition } from '../../src/definitions/store.ts'
import type { Rule } from '../../src/rules/schema.ts'
import type { ClickHouse } from '../../src/store/clickhouse.ts'

/** A rule in our language, and the same condition as one would write it by hand in a GROUP BY over `events`. */
export interface Condition {
  rule: Rule
  /** @param now SQL of the moment in ms */
  byHand: (now: string) => string
}

const day = 86_400_000
const names = [
  'Page Viewed',
  'Product Viewed',
  'Product Added',
  'Order Completed',
  'Content Viewed',
  'Coupon Received',
  'Advisor Contacted',
]
const ms = 'toUnixTimestamp64Milli(ts)'

/** Conditions of ten kinds, mixed: counts, presence, sums, averages, days, distinct values, silence, filters, and joins of them. */
export function conditions(count: number): Condition[] {
  return Array.from({ length: count }, (_, index) => kinds[index % kinds.length]?.(Math.floor(index / kinds.length)) ?? never())
}

function never(): never {
  throw new Error('there is a kind for every place')
}

const inside = (days: number) => (now: string) => `${ms} > ${now} - ${days * day}`
const nameOf = (n: number) => names[n % names.length] ?? ''
const daysOf = (n: number) => [7, 14, 30, 60, 90, 180, 365][(n * 3) % 7] ?? 7
const number = (prop: string) => `coalesce(props.${prop}.:Float64, toFloat64(props.${prop}.:Int64))`

const kinds: ((n: number) => Condition)[] = [
  n => ({
    rule: { event: nameOf(n), within: `${daysOf(n)}d`, count: { gte: 1 + (n % 4) } },
    byHand: now => `countIf(event = '${nameOf(n)}' and ${inside(daysOf(n))(now)}) >= ${1 + (n % 4)}`,
  }),
  n => ({
    rule: { event: 'Product Viewed', where: [{ prop: 'category', eq: `c${n % 8}` }], within: `${daysOf(n + 1)}d` },
    byHand: now => `countIf(event = 'Product Viewed' and props.category.:String = 'c${n % 8}' and ${inside(daysOf(n + 1))(now)}) > 0`,
  }),
  n => ({
    rule: { event: nameOf(n + 2), sinceLast: { gt: `${daysOf(n)}d` } },
    byHand: now => `(countIf(event = '${nameOf(n + 2)}') > 0 and maxIf(${ms}, event = '${nameOf(n + 2)}') < ${now} - ${daysOf(n) * day})`,
  }),
  n => ({
    rule: { event: 'Order Completed', within: `${daysOf(n + 2)}d`, sum: { prop: 'total', gte: 100 * (1 + n) } },
    byHand: now => `round(sumIf(${number('total')}, event = 'Order Completed' and ${inside(daysOf(n + 2))(now)}), 6) >= ${100 * (1 + n)}`,
  }),
  n => ({
    rule: { event: nameOf(n + 3), within: `${daysOf(n + 3)}d`, count: { eq: 0 } },
    byHand: now => `countIf(event = '${nameOf(n + 3)}' and ${inside(daysOf(n + 3))(now)}) = 0`,
  }),
  n => ({
    rule: {
      all: [{ event: nameOf(n), within: `${daysOf(n)}d` }, { not: { event: 'Order Completed', within: `${daysOf(n)}d` } }],
    },
    byHand: now =>
      `(countIf(event = '${nameOf(n)}' and ${inside(daysOf(n))(now)}) > 0 and not countIf(event = 'Order Completed' and ${inside(daysOf(n))(now)}) > 0)`,
  }),
  n => ({
    rule: { event: nameOf(n), within: `${daysOf(n + 4)}d`, days: { gte: 2 + (n % 3) } },
    byHand: now =>
      `uniqExactIf(toDate(toTimeZone(ts, 'Asia/Shanghai')), event = '${nameOf(n)}' and ${inside(daysOf(n + 4))(now)}) >= ${2 + (n % 3)}`,
  }),
  n => ({
    rule: { event: 'Order Completed', within: `${daysOf(n + 5)}d`, avg: { prop: 'discount_rate', gte: 0.05 * (1 + (n % 10)) } },
    byHand: now =>
      `ifNull(round(avgIf(${number('discount_rate')}, event = 'Order Completed' and ${inside(daysOf(n + 5))(now)}), 6), 0) >= ${0.05 * (1 + (n % 10))}`,
  }),
  n => ({
    rule: { event: 'Product Viewed', within: `${daysOf(n)}d`, distinct: { prop: 'product_id', gte: 2 + (n % 4) } },
    byHand: now => `uniqExactIf(props.product_id.:String, event = 'Product Viewed' and ${inside(daysOf(n))(now)}) >= ${2 + (n % 4)}`,
  }),
  n => ({
    rule: {
      any: [
        { event: 'Product Viewed', where: [{ prop: 'price', gte: 3000 + 50 * n }], within: `${daysOf(n)}d`, count: { gte: 2 } },
        { event: 'Product Added', within: `${daysOf(n + 6)}d` },
      ],
    },
    byHand: now =>
      `(countIf(event = 'Product Viewed' and ${number('price')} >= ${3000 + 50 * n} and ${inside(daysOf(n))(now)}) >= 2 or countIf(event = 'Product Added' and ${inside(daysOf(n + 6))(now)}) > 0)`,
  }),
]

/** One hand-written pass that works the conditions out. @param where which rows of `events` */
export function byHand(some: readonly Condition[], where: string): string {
  const columns = some.map(({ byHand }, index) => `${byHand('{now:Int64}')} as c${index}`)
  return `select leaf, ${columns.join(', ')} from events where ${where} group by leaf`
}

/** People with some events each, spread over a year before `now`, as if they had come long ago; and whose leaves are their profiles. */
export async function fillPeople(
  { stores: { clickhouse, postgres } }: Core,
  profiles: number,
  eventsEach: number,
  now: number,
): Promise<void> {
  await postgres.query('insert into leaves (leaf, root, position) select leaf, leaf, 0 from generate_series(1, $1::bigint) leaf', [
    profiles,
  ])
  await postgres.query(
    `insert into profile_states (profile, state, due_at) select leaf, '[[]]', 9007199254740991 from generate_series(1, $1::bigint) leaf`,
    [profiles],
  )
  await postgres.query('update identity_head set next_leaf = $1', [profiles + 1])
  const each = 2_000_000
  for (let from = 0; from < profiles * eventsEach; from += each)
    await insertEvents(clickhouse, `1 + intDiv(number, ${eventsEach})`, from, Math.min(each, profiles * eventsEach - from), now, 365 * day)
  await clickhouse.command('optimize table events final')
  await postgres.query('vacuum analyze')
}

/** @param leaf SQL of whose the event `number` is; @param spreadMs how long before `now` they lie */
export async function insertEvents(
  clickhouse: ClickHouse,
  leaf: string,
  from: number,
  count: number,
  now: number,
  spreadMs: number,
): Promise<void> {
  await clickhouse.command(
    `insert into events (leaf, ts, received_at, position, range, event, message_id, source, channel, historical, props)
     select ${leaf} as leaf, fromUnixTimestamp64Milli({now:Int64} - toInt64(cityHash64(number, 2) % {spread:UInt64}), 'UTC') as ts,
       fromUnixTimestamp64Milli({now:Int64}, 'UTC') as received_at, number as position, 0 as range,
       ['Page Viewed', 'Page Viewed', 'Page Viewed', 'Product Viewed', 'Product Viewed', 'Product Added', 'Order Completed', 'Content Viewed', 'Coupon Received', 'Advisor Contacted'][1 + cityHash64(number, 3) % 10] as event,
       toString(number) as message_id, 'bench' as source, 'web' as channel, true as historical,
       cast(if(event = 'Order Completed',
         concat('{"total":', toString(cityHash64(number, 4) % 1000), '.5,"category":"c', toString(cityHash64(number, 5) % 8), '","discount_rate":0.', toString(cityHash64(number, 6) % 10), '1}'),
         concat('{"product_id":"P', toString(cityHash64(number, 4) % 200), '","category":"c', toString(cityHash64(number, 5) % 8), '","price":', toString(cityHash64(number, 6) % 5000), ',"duration_s":', toString(cityHash64(number, 7) % 120), '}')), 'JSON(max_dynamic_paths = 256)') as props
     from numbers({from:UInt64}, {count:UInt64})`,
    { now, from, count, spread: spreadMs },
  )
}

/** Defines the conditions as live audiences and has them worked out for everybody. */
export async function define(
  { stores: { postgres }, definitions, evaluator }: Core,
  some: readonly Condition[],
  now: number,
): Promise<void> {
  await postgres.transaction(async tx => {
    const saved = []
    for (const [index, { rule }] of some.entries())
      saved.push(
        await saveDefinition(
          tx,
          { kind: 'audience', key: `bench_${index}`, document: { zh: `人群 ${index}`, rule, refresh: 'realtime' } },
          { by: 'bench', at: now, nextRunAt: undefined },
        ),
      )
    await beginFill(tx, definitions.set(), saved, 'definition', now)
  })
  await definitions.reload()
  evaluator.hurry()
}
