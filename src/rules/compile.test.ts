import { describe, expect, it } from 'vitest'
import { testStores } from '../../test/stores.ts'
import type { Json } from '../collect/event.ts'
import { type NaiveWorld, naive } from './naive.fixture.ts'
import { parseRule } from './parse.ts'
import type { Rule } from './schema.ts'
import { compiledVerdicts, contextOf, store } from './world.fixture.ts'

const { clickhouse } = await testStores()
const now = Date.parse('2026-03-29T10:00:00Z')
const blank: NaiveWorld = { zone: 'Europe/Berlin', events: [], traits: [], consents: [], roots: new Map(), sensitive: new Map() }

/** Leaf by leaf, in order: what the rule says of it; the naive evaluator must agree. */
async function verdicts(rule: Rule, world: NaiveWorld, at = now) {
  await store(clickhouse, world)
  const parsed = parseRule(rule)
  const said = await compiledVerdicts(clickhouse, parsed, contextOf(world, at))
  expect(said, JSON.stringify(rule)).toEqual(naive(parsed, world, at))
  return Object.fromEntries([...said].sort(([a], [b]) => a - b))
}

/** One event per leaf, 1, 2, 3 …, with this value. */
function withProps(values: Json[]): NaiveWorld {
  const events = values.map((value, index) => ({
    leaf: index + 1,
    ts: now - 1000,
    position: index + 1,
    event: 'Did',
    props: value === undefined ? {} : { v: value },
    context: { page: { path: `/${index}` } },
  }))
  return { ...blank, events }
}

function withTraits(values: Json[]): NaiveWorld {
  return { ...blank, traits: values.map((value, index) => ({ leaf: index + 1, ts: now - 5, position: index + 1, key: 'v', value })) }
}

function at(...times: (string | number)[]): NaiveWorld {
  const ms = times.map(time => (typeof time === 'number' ? time : Date.parse(time)))
  return { ...blank, events: ms.map((ts, index) => ({ leaf: index + 1, ts, position: index + 1, event: 'Did', props: {}, context: {} })) }
}

const values: Json[] = [
  1,
  1.5,
  2,
  '1',
  'a',
  'Ab',
  '',
  true,
  false,
  0,
  null,
  [],
  [1, 'a'],
  ['b', null, 3],
  { k: 1 },
  '2026-03-29',
  '2026-03-30T00:00:00+02:00',
  ['2020-02-29'],
  '2026-02-30',
  [[1]],
  9007199254740991,
  -2.25,
  'q\'"\\\n\t`{x}',
  '2026-03-29T02:30',
]
const operators = [
  { eq: 1 },
  { eq: '1' },
  { eq: true },
  { eq: false },
  { eq: '' },
  { eq: 'q\'"\\\n\t`{x}' },
  { ne: 1 },
  { ne: 'a' },
  { in: [1, 'a', true] },
  { notIn: [1, 'a', false] },
  { gt: 1 },
  { gte: 1 },
  { lt: 1.5 },
  { lte: 1.5 },
  { between: [1, 1.5] },
  { contains: 'b' },
  { contains: '' },
  { startsWith: 'A' },
  { endsWith: 'b' },
  { exists: true },
  { exists: false },
  { before: '2026-03-29' },
  { after: '2026-03-28' },
  { withinLast: '1d' },
  { withinNext: '1d' },
  { withinLast: '10y' },
  { anniversaryWithin: '0d' },
  { anniversaryWithin: '1d' },
  { anniversaryWithin: '52w' },
  { gt: 0, ne: 2 },
] as const

describe('operators', () => {
  it('say of every kind of property what section 5 says', async () => {
    const rules = operators.map(one => ({ event: 'Did', where: [{ prop: 'v', ...one }] }) as Rule)
    const world = withProps(values)
    for (const rule of rules) await verdicts(rule, world)
  })
  it('say of every kind of trait what section 5 says', async () => {
    const world = withTraits(values)
    for (const one of operators) await verdicts({ trait: 'v', ...one } as Rule, world)
  })
  it('test the items of lists, and parts of the context', async () => {
    const products: Json[] = [[{ sku: 'A', n: 1, tags: ['x'] }, { sku: 'B' }], [{ sku: 'C', n: 2 }], [], { sku: 'A' }, ['A']]
    expect(await verdicts({ event: 'Did', where: [{ prop: 'v[].sku', eq: 'B' }] }, withProps(products))).toEqual({
      1: true,
      2: false,
      3: false,
      4: false,
      5: false,
    })
    for (const one of [{ exists: true }, { gte: 2 }, { ne: 'A' }])
      await verdicts({ event: 'Did', where: [{ prop: 'v[].n', ...one }] }, withProps(products))
    await verdicts({ event: 'Did', where: [{ prop: 'v[].tags[]', eq: 'x' }] }, withProps(products))
    expect(await verdicts({ event: 'Did', where: [{ context: 'page.path', eq: '/1' }] }, withProps([1, 2]))).toEqual({ 1: false, 2: true })
  })
  it('read hour, weekday and date in the zone', async () => {
    const world = at('2026-03-28T23:30:00Z', '2026-03-29T00:59:59.999Z', '2026-03-29T01:00:00Z')
    expect(await verdicts({ event: 'Did', where: [{ time: 'hour', eq: 3 }] }, world)).toEqual({ 1: false, 2: false, 3: true })
    expect(
      await verdicts(
        {
          event: 'Did',
          where: [
            { time: 'date', eq: '2026-03-29' },
            { time: 'weekday', eq: 7 },
          ],
        },
        world,
      ),
    ).toEqual({ 1: true, 2: true, 3: true })
  })
})

describe('a trait that mirrors a consent', () => {
  it('is the state of the consent at the moment, and missing where it was never asked', async () => {
    const consent = (leaf: number, given: boolean, ts: number, purpose = 'marketing') => ({
      leaf,
      ts,
      position: ts - now + 100,
      purpose,
      given,
    })
    const world: NaiveWorld = {
      ...withTraits([false, true, true, true]),
      consents: [
        consent(1, true, now - 9),
        consent(2, true, now - 9),
        consent(2, false, now - 5),
        consent(3, true, now + 1),
        consent(4, true, now, 'other'),
      ],
      mirrors: new Map([['v', 'marketing']]),
    }
    expect(await verdicts({ trait: 'v', eq: true }, world)).toEqual({ 1: true, 2: false, 3: false, 4: false })
    expect(await verdicts({ trait: 'v', ne: true }, world)).toEqual({ 1: false, 2: true, 3: true, 4: true })
    expect(await verdicts({ trait: 'v', eq: false }, world)).toEqual({ 1: false, 2: true, 3: false, 4: false })
    expect(await verdicts({ trait: 'v', exists: false }, world)).toEqual({ 1: false, 2: false, 3: true, 4: true })
    expect(await verdicts({ trait: 'v', eq: true }, world, now + 1)).toEqual({ 1: true, 2: false, 3: true, 4: false })
  })
})

describe('an item filter', () => {
  const kinds = [
    { key: 'product', namedBy: ['product_id', 'products[].product_id', 'list'] },
    { key: 'store', namedBy: ['store_id'] },
  ]
  const entities = [
    { kind: 'product', id: 'P1', attributes: { category: 'hydration', price: 680, skin: ['dry', 'oily'] } },
    { kind: 'product', id: 'P2', attributes: { category: 'photo', price: 1280, until: '2026-03-30' } },
    { kind: 'product', id: '7', attributes: { category: 'photo', skin: [] } },
    { kind: 'store', id: 'P1', attributes: { category: 'flagship' } },
  ]
  const naming: Json[] = [
    { product_id: 'P1' },
    { product_id: 'P2' },
    { product_id: 7 },
    { product_id: 'unknown' },
    {},
    { products: [{ product_id: 'P1' }, { product_id: 'P2' }] },
    { products: [{ product_id: 7 }, null, 'P1', [{ product_id: 'P1' }]] },
    { product_id: ['P2', 'P1'] },
    { store_id: 'P1' },
    { list: ['P1', 7, true, null], product_id: true },
  ]
  const events = naming.map((props, index) => ({ leaf: index + 1, ts: now - 5, position: index + 1, event: 'Did', props, context: {} }))
  const world = { ...blank, events, kinds, entities } as NaiveWorld
  const holding = async (operators: object, item = 'product.category') =>
    Object.entries(await verdicts({ event: 'Did', where: [{ item, ...operators }] } as Rule, world)).flatMap(([leaf, holds]) =>
      holds ? [Number(leaf)] : [],
    )

  it('looks up what the event names, one or several', async () => {
    expect(await holding({ eq: 'hydration' })).toEqual([1, 6, 8, 10])
    expect(await holding({ in: ['photo', 'x'] })).toEqual([2, 3, 6, 7, 8, 10])
    expect(await holding({ between: [1000, 2000] }, 'product.price')).toEqual([2, 6, 8])
    expect(await holding({ eq: 'oily' }, 'product.skin')).toEqual([1, 6, 8, 10])
    expect(await holding({ withinNext: '1d' }, 'product.until')).toEqual([2, 6, 8])
    expect(await holding({ eq: 'flagship' }, 'store.category')).toEqual([9])
    expect(await holding({ gte: 600, lt: 700 }, 'product.price')).toEqual([1, 6, 8, 10])
  })
  it('finds nothing where the entity or the attribute is not in the catalogue: what is missing is not equal', async () => {
    expect(await holding({ ne: 'hydration' })).toEqual([2, 3, 4, 5, 7, 9])
    expect(await holding({ notIn: ['hydration', 'photo'] })).toEqual([4, 5, 9])
    expect(await holding({ exists: false })).toEqual([4, 5, 9])
    expect(await holding({ exists: true })).toEqual([1, 2, 3, 6, 7, 8, 10])
    expect(await holding({ exists: true }, 'product.skin')).toEqual([1, 3, 6, 7, 8, 10])
    expect(await holding({ exists: true }, 'product.colour')).toEqual([])
  })
  it('says of every kind of attribute what section 5 says', async () => {
    const attributes = values.filter(value => value !== null && !(typeof value === 'object' && !Array.isArray(value)))
    const many: NaiveWorld = {
      ...blank,
      events: attributes.map((_, index) => ({
        leaf: index + 1,
        ts: now - 5,
        position: index,
        event: 'Did',
        props: { product_id: `${index}` },
        context: {},
      })),
      kinds,
      entities: attributes.map((v, index) => ({ kind: 'product', id: `${index}`, attributes: { v } })),
    }
    for (const one of operators) await verdicts({ event: 'Did', where: [{ item: 'product.v', ...one }] } as Rule, many)
  })
  it('sees the newest version of an entity, and none that was deleted', async () => {
    await verdicts({ event: 'Did' }, world)
    const changed = [
      { kind: 'product', id: 'P1', attributes: { category: 'photo' }, deleted: false, version: 3 },
      { kind: 'product', id: 'P1', attributes: { category: 'old' }, deleted: false, version: 2 },
      { kind: 'product', id: 'P2', attributes: {}, deleted: true, version: 2 },
    ]
    for (const row of changed) await clickhouse.insert('entities', JSON.stringify(row))
    const rule = parseRule({ event: 'Did', where: [{ item: 'product.category', eq: 'photo' }] })
    const said = await compiledVerdicts(clickhouse, rule, contextOf(world, now))
    expect([...said].flatMap(([leaf, holds]) => (holds ? [leaf] : [])).sort((a, b) => a - b)).toEqual([1, 3, 6, 7, 8, 10])
  })
  it('of a kind that the catalogue has not is refused, with those that it has', async () => {
    await expect(holding({ eq: 1 }, 'shop.category')).rejects.toMatchObject({
      details: [{ path: '', message: expect.stringContaining('product, store') }],
    })
    expect(() => parseRule({ event: 'Did', where: [{ item: 'product', eq: 1 }] })).toThrow()
  })
  it('is as sensitive as the properties that it goes through', async () => {
    const sensitive = new Map([['Did.product_id', 'medical']])
    const consents = [{ leaf: 1, ts: now - 9, position: 99, purpose: 'medical', given: true }]
    const said = await verdicts({ event: 'Did', where: [{ item: 'product.category', eq: 'hydration' }] }, { ...world, sensitive, consents })
    expect([said[1], said[2]]).toEqual([true, null])
    expect((await verdicts({ event: 'Did', where: [{ item: 'store.category', exists: true }] }, { ...world, sensitive }))[9]).toBe(true)
  })
})

describe('windows', () => {
  const day = 86_400_000
  it('let an event in at its time and out exactly when its time has passed', async () => {
    const world = at(now, now + 1, now - 7 * day, now - 7 * day + 1, now - 7 * day - 1)
    expect(await verdicts({ event: 'Did', within: '7d' }, world)).toEqual({ 1: true, 3: false, 4: true, 5: false })
    expect(await verdicts({ event: 'Did', within: { ago: ['14d', '7d'] } }, world)).toEqual({ 1: false, 3: true, 4: false, 5: true })
    expect(await verdicts({ event: 'Did', sinceLast: { gt: '7d' } }, world)).toEqual({ 1: false, 3: false, 4: false, 5: true })
    expect(await verdicts({ event: 'Did', sinceLast: { gte: '7d', lte: '7d' } }, world)).toEqual({ 1: false, 3: true, 4: false, 5: false })
  })
  it('add months on the calendar, clamped to their end, also where the clock is changed', async () => {
    const end = Date.parse('2026-02-28T10:30:00+01:00')
    const month = at('2026-01-31T10:00:00+01:00', '2026-01-28T11:00:00+01:00', '2026-01-28T10:30:00+01:00', '2026-01-31T10:30:00.001+01:00')
    expect(await verdicts({ event: 'Did', within: '1mo' }, month, end)).toEqual({ 1: false, 2: true, 3: false, 4: true })
    // 02:30 on 29 March does not exist in Berlin: it is 03:30.
    const gap = at('2026-02-28T02:30:00+01:00')
    expect(await verdicts({ event: 'Did', within: '1mo' }, gap, Date.parse('2026-03-28T01:29:59.999Z'))).toEqual({ 1: true })
    const skipped = at('2025-03-29T02:30:00+01:00')
    expect(await verdicts({ event: 'Did', within: '1y' }, skipped, Date.parse('2026-03-29T01:29:59.999Z'))).toEqual({ 1: true })
    expect(await verdicts({ event: 'Did', within: '1y' }, skipped, Date.parse('2026-03-29T01:30:00Z'))).toEqual({ 1: false })
  })
  it('from and to, of days in the zone', async () => {
    const world = at('2026-03-27T22:59:59.999Z', '2026-03-27T23:00:00Z', '2026-03-28T22:59:59.999Z', '2026-03-28T23:00:00Z')
    expect(await verdicts({ event: 'Did', within: { from: '2026-03-28', to: '2026-03-29' } }, world)).toEqual({
      1: false,
      2: true,
      3: true,
      4: false,
    })
  })
  it('since entry, inside a journey', async () => {
    const world = { ...at(now - 10, now - 9), since: { entry: now - 10 } }
    expect(await verdicts({ event: 'Did', within: { since: 'entry' } }, world)).toEqual({ 1: false, 2: true })
    await expect(verdicts({ event: 'Did', within: { since: 'step' } }, world)).rejects.toThrow('cannot be used')
  })
})

describe('several events', () => {
  const minute = 60_000
  const events = (leaf: number, ...list: [string, number, Json?][]) =>
    list.map(([event, minutes, p], index) => ({
      leaf,
      ts: now + minutes * minute,
      position: leaf * 100 + index,
      event,
      props: p === undefined ? {} : ({ p, price: 10 * (index + 1), name: `n${index}` } as Record<string, Json>),
      context: {},
    }))
  const people = (...lists: ReturnType<typeof events>[]): NaiveWorld => ({ ...blank, events: lists.flat() })

  it('count per value: the same package viewed twice, that package not added', async () => {
    const world = people(
      events(1, ['View', -9, 'A'], ['View', -8, 'A']),
      events(2, ['View', -9, 'A'], ['View', -8, 'B']),
      events(3, ['View', -9, 'A'], ['View', -8, 'A'], ['Add', -7, 'A']),
      events(4, ['View', -9, 'A'], ['View', -8, 'A'], ['Add', -7, 'B']),
      events(5, ['View', -9, ['A', 'B']], ['View', -8, ['B', 'B']]),
      events(6, ['View', -9], ['View', -8]),
    )
    const rule: Rule = { event: 'View', per: 'p', within: '7d', count: { gte: 2 }, without: { event: 'Add', within: '7d' } }
    expect(await verdicts(rule, world)).toEqual({ 1: true, 2: false, 3: false, 4: true, 5: true, 6: false })
  })
  it('measure', async () => {
    const world = people(events(1, ['View', -9, 'A'], ['View', -8, 'B'], ['View', -8, 'B']), events(2, ['Other', -1]))
    const truths: [object, boolean, boolean][] = [
      [{ sum: { prop: 'price', eq: 60 } }, true, false],
      [{ sum: { prop: 'price', eq: 0 } }, false, true],
      [{ avg: { prop: 'price', eq: 20 } }, true, false],
      [{ avg: { prop: 'price', ne: 21 } }, true, true],
      [{ min: { prop: 'price', lte: 10 } }, true, false],
      [{ max: { prop: 'price', gte: 30 } }, true, false],
      [{ max: { prop: 'price', exists: false } }, false, true],
      [{ distinct: { prop: 'p', eq: 2 } }, true, false],
      [{ first: { prop: 'name', eq: 'n0' } }, true, false],
      [{ last: { prop: 'name', eq: 'n2' } }, true, false],
      [{ days: { eq: 1 } }, true, false],
      [{ count: { eq: 0 } }, false, true],
      [{ sinceFirst: { gte: '9m' } }, true, false],
      [{ sinceFirst: { gt: '9m' } }, false, false],
      [{ sinceLast: { exists: false } }, false, true],
    ]
    for (const [measure, one, two] of truths)
      expect(await verdicts({ event: 'View', ...measure } as Rule, world), JSON.stringify(measure)).toEqual({ 1: one, 2: two })
  })
  it('sequences: strictly later, in time, nothing forbidden in between', async () => {
    const world = people(
      events(1, ['View', -9, 'A'], ['Add', -8, 'A']),
      events(2, ['View', -8, 'A'], ['Add', -8, 'A']),
      events(3, ['View', -9, 'A'], ['Pay', -8.5, 'A'], ['Add', -8, 'A']),
      events(4, ['View', -9, 'A'], ['Pay', -9, 'A'], ['Add', -8, 'A']),
      events(5, ['View', -200, 'A'], ['Add', -8, 'A']),
      events(6, ['View', -128, 'A'], ['Add', -8, 'A']),
      events(7, ['View', -9, 'A'], ['Add', -8, 'B']),
    )
    const rule = { sequence: [{ event: 'View' }, { event: 'Add', within: '2h' }], without: { event: 'Pay' }, within: '7d' } as Rule
    expect(await verdicts(rule, world)).toEqual({ 1: true, 2: false, 3: false, 4: true, 5: false, 6: false, 7: true })
    expect(await verdicts({ ...rule, per: 'p' } as Rule, world)).toEqual({
      1: true,
      2: false,
      3: false,
      4: true,
      5: false,
      6: false,
      7: false,
    })
  })
  it('of merged leaves are one history', async () => {
    const world = { ...people(events(1, ['View', -9, 'A']), events(2, ['Add', -8, 'A'])), roots: new Map([[2, 1]]) }
    expect(await verdicts({ sequence: [{ event: 'View' }, { event: 'Add' }] }, world)).toEqual({ 1: true })
    expect(await verdicts({ all: [{ event: 'View' }, { event: 'Add' }] }, world)).toEqual({ 1: true })
  })
})

describe('sensitive leaves', () => {
  it('are unknown without the consent, and the unknown passes through', async () => {
    const consent = (leaf: number, given: boolean, ts = now - 1) => ({ leaf, ts, position: leaf, purpose: 'medical', given })
    const world: NaiveWorld = {
      ...withTraits(['dry', 'dry', 'dry', 'oily']),
      consents: [consent(1, true), consent(2, false), consent(3, true, now + 1), consent(4, true)],
      sensitive: new Map([['trait:v', 'medical']]),
    }
    const dry: Rule = { trait: 'v', eq: 'dry' }
    const never: Rule = { event: 'Never' }
    expect(await verdicts(dry, world)).toEqual({ 1: true, 2: null, 3: null, 4: false })
    expect(await verdicts({ not: dry }, world)).toEqual({ 1: false, 2: null, 3: null, 4: true })
    expect(await verdicts({ all: [dry, never] }, world)).toEqual({ 1: false, 2: false, 3: false, 4: false })
    expect(await verdicts({ any: [dry, { not: never }] }, world)).toEqual({ 1: true, 2: true, 3: true, 4: true })
    expect(await verdicts({ atLeast: 2, of: [dry, never, { consent: 'medical' }] }, world)).toEqual({
      1: true,
      2: false,
      3: false,
      4: false,
    })
    expect(await verdicts({ atLeast: 1, of: [dry, never] }, world)).toEqual({ 1: true, 2: null, 3: null, 4: false })
  })
})
