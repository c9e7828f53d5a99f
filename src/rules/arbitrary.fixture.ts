import fc from 'fast-check'
import type { Json, JsonObject } from '../collect/event.ts'
import type { Filter } from './filter.ts'
import { type Dimension, dimensionSchema } from './kinds/dimension-shape.ts'
import type { NaiveWorld } from './naive.fixture.ts'
import type { Rule } from './schema.ts'

/** Few names and values, so that rules meet facts; times close to each other and to every boundary. */
const names = ['View', 'Add', 'Pay']
const paths = ['p', 'n', 'list', 'o.k', 'products[].sku', 'd']
const durations = ['1h', '1d', '2d', '1w', '1mo', '1y']
const zones = ['Europe/Berlin', 'Asia/Shanghai', 'America/New_York', 'Australia/Lord_Howe']
const moments = [
  '2026-03-29T01:30:00Z',
  '2026-03-28T01:30:00Z',
  '2026-10-25T00:30:00Z',
  '2026-03-31T10:00:00Z',
  '2026-02-28T10:00:00Z',
  '2026-03-08T07:00:00Z',
].map(Date.parse)
const hour = 3_600_000
const dates = [
  '2026-03-29',
  '2026-03-28T02:30',
  '2026-02-28T10:00:00Z',
  '2020-02-29',
  '2026-03-29T02:30:00',
  '2026-13-01',
  '2026-03-29T01:30:00+00:00',
]

const scalar = fc.constantFrom<string | number | boolean>(0, 1, 2, 1.5, 'a', 'b', 'ab', '', '1', true, false)
const value: fc.Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 1, arbitrary: fc.constantFrom<Json>(null, [], ...dates) },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }) },
)
export const props: fc.Arbitrary<JsonObject> = fc.record(
  {
    p: fc.constantFrom<Json>('a', 'b', 1, ['a', 'b']),
    n: value,
    list: fc.array(fc.oneof(scalar, fc.constant(null)), { maxLength: 3 }),
    o: fc.record({ k: value }, { requiredKeys: [] }).filter(one => Object.values(one).some(inner => inner !== null)),
    products: fc.array(fc.record({ sku: scalar }), { maxLength: 3 }),
    d: fc.constantFrom<Json>(...dates),
  },
  { requiredKeys: [] },
)

const attributes: fc.Arbitrary<JsonObject> = fc
  .record({ x: value, y: value }, { requiredKeys: [] })
  .map(one => Object.fromEntries(Object.entries(one).filter(([, inner]) => inner !== null)))

const offset = fc.oneof(
  fc.constantFrom(
    0,
    1,
    -1,
    -hour,
    -24 * hour,
    -48 * hour,
    -168 * hour,
    -168 * hour + 1,
    -168 * hour - 1,
    -28 * 24 * hour,
    -31 * 24 * hour,
    -365 * 24 * hour,
  ),
  fc.integer({ min: -40 * 24, max: 2 }).map(hours => hours * hour),
)

/** One half-life is so short that most of what happened has all but vanished. */
const dimensions: ReadonlyMap<string, Dimension> = new Map(
  Object.entries({
    plain: { from: { event: 'View', prop: 'p' }, half_life: '1d' },
    weighed: {
      from: [
        { event: ['View', 'Add'], prop: 'list', weight: 'n' },
        { event: 'Add', prop: 'p', weight: 2.5, where: [{ not: { prop: 'n', eq: 2 } }] },
      ],
      half_life: '1h',
      min_events: 2,
    },
    daypart: { from: { event: ['View', 'Pay'], time: 'daypart' }, half_life: '2w' },
    hour: { from: { event: names, time: 'hour' }, half_life: '52w' },
    weekday: { from: { event: 'Add', time: 'weekday' }, half_life: '1d' },
    items: { from: { event: 'Pay', prop: 'products[].sku', weight: 'o.k' }, half_life: '4w', min_events: 3 },
  }).map(([name, dimension]) => [name, dimensionSchema.parse(dimension)]),
)

const worldsOf = (size: 'small' | 'medium'): fc.Arbitrary<{ world: NaiveWorld; now: number }> =>
  fc
    .record({
      now: fc.constantFrom(...moments),
      zone: fc.constantFrom(...zones),
      events: fc.array(fc.record({ leaf: fc.integer({ min: 1, max: 8 }), at: offset, event: fc.constantFrom(...names), props }), {
        maxLength: 60,
        size,
      }),
      traits: fc.array(fc.record({ leaf: fc.integer({ min: 1, max: 8 }), at: offset, key: fc.constantFrom('t', 'u', 'm'), value }), {
        maxLength: 15,
      }),
      consents: fc.array(
        fc.record({ leaf: fc.integer({ min: 1, max: 8 }), at: offset, purpose: fc.constant('medical'), given: fc.boolean() }),
        { maxLength: 10 },
      ),
      merged: fc.array(fc.tuple(fc.integer({ min: 5, max: 8 }), fc.integer({ min: 1, max: 4 })), { maxLength: 3 }),
      sensitive: fc.subarray(['trait:t', 'trait:m', 'Pay', 'View.n', 'Add.p']),
      entities: fc.uniqueArray(
        fc.record({ kind: fc.constantFrom('thing', 'place'), id: fc.constantFrom('a', 'b', '1', '2', ''), attributes }),
        {
          selector: ({ kind, id }) => `${kind}:${id}`,
        },
      ),
      since: fc.record({ entry: offset, step: offset }),
    })
    .map(({ now, zone, events, traits, consents, merged, sensitive, entities, since }) => {
      let position = 0
      const placed = <T extends { at: number }>({ at, ...fact }: T) => ({ ...fact, ts: now + at, position: ++position })
      const world = {
        zone,
        events: events.map(one => ({ ...placed(one), context: { n: one.props.n ?? null } })),
        traits: traits.map(placed),
        consents: consents.map(placed),
        roots: new Map(merged),
        sensitive: new Map(sensitive.map(place => [place, 'medical'] as const)),
        kinds: [
          { key: 'thing', namedBy: ['p', 'products[].sku'] },
          { key: 'place', namedBy: ['o.k', 'list'] },
        ],
        entities,
        mirrors: new Map([['m', 'medical']]),
        since: { entry: now + since.entry, step: now + since.step },
        dimensions,
      }
      return { world, now }
    })
export const worlds = worldsOf('small')
/** With many events of each person. */
export const busyWorlds = worldsOf('medium')

const number = fc.constantFrom(0, 1, 1.5, 2, 3)
const duration = fc.constantFrom(...durations)
/** One of them, or two. */
const someOf = <T extends object>(record: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> => {
  const one = fc.constantFrom(...Object.entries<fc.Arbitrary<unknown>>(record)).chain(([name, of]) => of.map(value => ({ [name]: value })))
  return fc.oneof(
    { weight: 3, arbitrary: one },
    { weight: 1, arbitrary: fc.tuple(one, one).map(([a, b]) => ({ ...a, ...b })) },
  ) as fc.Arbitrary<Partial<T>>
}
const numeric = {
  eq: number,
  ne: number,
  in: fc.array(number, { minLength: 1, maxLength: 2 }),
  notIn: fc.array(number, { minLength: 1, maxLength: 2 }),
  gt: number,
  gte: number,
  lt: number,
  lte: number,
  between: fc.tuple(number, number),
  exists: fc.boolean(),
}
const any = {
  ...numeric,
  eq: scalar,
  ne: scalar,
  in: fc.array(scalar, { minLength: 1, maxLength: 3 }),
  notIn: fc.array(scalar, { minLength: 1, maxLength: 3 }),
  contains: fc.constantFrom('a', 'b', ''),
  startsWith: fc.constantFrom('a', '2026'),
  endsWith: fc.constantFrom('b'),
  before: fc.constantFrom('2026-03-29', '2026-03-29T03:30:00+02:00'),
  after: fc.constantFrom('2026-03-28', '2025-01-01'),
  withinLast: duration,
  withinNext: duration,
  anniversaryWithin: fc.constantFrom('0d', '1d', '2w', '30d', '53w'),
}
const operators = someOf(any)
const numberOperators = someOf(numeric)
const since = fc.oneof(
  someOf({ gt: duration, gte: duration, lt: duration, lte: duration }),
  fc.record({ exists: fc.boolean() }),
  fc.record({ between: fc.tuple(duration, duration) }),
)

export const path = fc.constantFrom(...paths)
const plainFilter: fc.Arbitrary<Filter> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(path, operators).map(([prop, one]) => ({ prop, ...one }) as Filter) },
  { weight: 1, arbitrary: operators.map(one => ({ context: 'n', ...one }) as Filter) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('thing.x', 'thing.y', 'place.x', 'place.z'), operators)
      .map(([item, one]) => ({ item, ...one }) as Filter),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('hour', 'weekday'), numberOperators).map(([time, one]) => ({ time, ...one }) as Filter),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Filter>(
      { time: 'date', eq: '2026-03-29' },
      { time: 'date', withinLast: '2d' },
      { time: 'date', before: '2026-03-29' },
    ),
  },
)
const filter: fc.Arbitrary<Filter> = fc.oneof(
  { weight: 6, arbitrary: plainFilter },
  { weight: 1, arbitrary: fc.array(plainFilter, { minLength: 1, maxLength: 2 }).map(any => ({ any })) },
  { weight: 1, arbitrary: plainFilter.map(not => ({ not })) },
  { weight: 1, arbitrary: fc.array(plainFilter, { minLength: 1, maxLength: 2 }).map(all => ({ all })) },
)
const within = fc.oneof(
  { weight: 3, arbitrary: duration },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { ago: ['1w', '1d'] as [string, string] },
      { ago: ['1y', '1mo'] as [string, string] },
      { ago: ['1mo', '1w'] as [string, string] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ from: '2026-03-20' }, { from: '2026-03-01', to: '2026-03-29' }, { to: '2026-03-29T03:30:00' }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ since: 'entry' as const }, { since: 'step' as const }) },
)
const event = fc.oneof(fc.constantFrom<string | string[]>(...names), fc.subarray(names, { minLength: 1 }))
const optional = { requiredKeys: ['event'] as ['event'] }
const where = fc.array(filter, { minLength: 1, maxLength: 2 })
export const selection = fc.record({ event, where, within }, optional)
const per = fc.constantFrom('p', 'n', 'list')
const ofNumbers = fc.tuple(path, numberOperators).map(([prop, one]) => ({ prop, ...one }))
const measure = fc.oneof(
  fc.constant({}),
  numberOperators.map(count => ({ count })),
  numberOperators.map(days => ({ days })),
  since.map(sinceLast => ({ sinceLast })),
  since.map(sinceFirst => ({ sinceFirst })),
  fc.tuple(fc.constantFrom('sum', 'avg', 'min', 'max', 'distinct'), ofNumbers).map(([name, one]) => ({ [name]: one })),
  fc.tuple(fc.constantFrom('first', 'last'), path, operators).map(([name, prop, one]) => ({ [name]: { prop, ...one } })),
)
const eventRule = fc
  .tuple(selection, measure, fc.record({ per, without: selection }, { requiredKeys: [] }))
  .map(([own, one, more]) => ({ ...own, ...one, ...more }) as Rule)
const step = fc.record({ event, where, within: fc.constantFrom('1h', '1d', '1w') }, optional)
const sequenceRule = fc
  .record({ sequence: fc.array(step, { minLength: 2, maxLength: 4 }), per, without: selection, within }, { requiredKeys: ['sequence'] })
  .map(({ sequence: [{ within: _, ...first } = { event: 'View' }, ...rest], ...more }) => ({ sequence: [first, ...rest], ...more }) as Rule)
const fraction = fc.constantFrom(0, 0.0001, 0.01, 0.1, 0.25, 0.5, 0.75, 1)
const ofFraction = someOf({ eq: fraction, ne: fraction, gt: fraction, gte: fraction, lt: fraction, lte: fraction, exists: fc.boolean() })
export const affinityRules: fc.Arbitrary<Extract<Rule, { affinity: unknown }>> = fc
  .tuple(
    fc.record({
      dimension: fc.constantFrom(...dimensions.keys()),
      value: fc.oneof(fc.constantFrom('a', 'b', 1, 'morning', 'night', 5, 10), scalar),
    }),
    fc.oneof(
      ofFraction,
      ofFraction.map(strength => ({ strength })),
      fc.tuple(ofFraction, ofFraction).map(([share, strength]) => ({ ...share, strength })),
    ),
  )
  .map(([affinity, asked]) => ({ affinity, ...asked }))
const leaf: fc.Arbitrary<Rule> = fc.oneof(
  { weight: 2, arbitrary: affinityRules },
  { weight: 4, arbitrary: eventRule },
  { weight: 2, arbitrary: sequenceRule },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('t', 'u', 'm'), operators).map(([trait, one]) => ({ trait, ...one }) as Rule) },
  { weight: 1, arbitrary: fc.constant<Rule>({ consent: 'medical' }) },
)

export const rules: fc.Arbitrary<Rule> = fc.letrec<{ rule: Rule; several: Rule[] }>(tie => ({
  several: fc.array(tie('rule'), { minLength: 1, maxLength: 4 }),
  rule: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 5, arbitrary: leaf },
    { weight: 1, arbitrary: tie('several').map(all => ({ all })) },
    { weight: 1, arbitrary: tie('several').map(any => ({ any })) },
    { weight: 1, arbitrary: tie('rule').map(not => ({ not })) },
    {
      weight: 1,
      arbitrary: tie('several').chain(of => fc.integer({ min: 1, max: of.length }).map(atLeast => ({ atLeast, of }))),
    },
  ),
})).rule
