import fc from 'fast-check'
import { expect, test } from 'vitest'
import { holdFor } from '../../../test/hold-for.ts'
import { testStores } from '../../../test/stores.ts'
import type { Definition } from '../../definitions/definition.ts'
import { DefinitionSet } from '../../definitions/set.ts'
import { busyWorlds, path, selection } from '../../rules/arbitrary.fixture.ts'
import { statement } from '../../rules/compile.ts'
import { type NaiveWorld, naive } from '../../rules/naive.fixture.ts'
import { Plan } from '../../rules/plan.ts'
import type { Rule } from '../../rules/schema.ts'
import { contextOf, store } from '../../rules/world.fixture.ts'
import { tagDocument } from '../document.ts'
import { tagType } from '../type.ts'

const { clickhouse } = await testStores()
const seconds = Number(process.env.ZHIKE_RULES_SECONDS ?? 8)
const hour = 3_600_000

const definitionOf = (document: unknown, run?: unknown): Definition => ({
  id: 1,
  kind: 'tag',
  key: 'metric',
  version: 1,
  document: tagDocument.parse(document),
  run,
  ranAt: undefined,
  nextRunAt: undefined,
  createdAt: 0,
  updatedAt: 0,
  updatedBy: '',
})

/** The value, JSON or undefined, and when it is due, of each profile. */
async function worked(world: NaiveWorld, now: number, definitions: Definition[]) {
  const plan = new Plan(contextOf(world, now))
  const set = new DefinitionSet([tagType as never], [])
  const columns = definitions.map((one, index) => {
    const { value, due } = set.assessed({ ...one, id: index + 1 }, plan)
    return [`${value} as v${index}`, `toString(${due()}) as d${index}`]
  })
  const { text, params } = statement(plan, [...plan.columns, ...columns.flat()], {})
  const names = definitions.map((_, index) => `v${index}, d${index}`).join(', ')
  const asked = `select profile, ${names} from (${text}) order by profile`
  const rows = await clickhouse.query<Record<string, string> & { profile: number }>(asked, params)
  // Ticks ask in the older of the store's two ways.
  expect(await clickhouse.query(asked, params, { settings: { enable_analyzer: 0 } })).toEqual(rows)
  return definitions.map(
    (_, index) =>
      new Map(
        rows.map(row => [
          row.profile,
          { value: row[`v${index}`] ? (JSON.parse(row[`v${index}`] ?? '') as unknown) : undefined, due: Number(row[`d${index}`]) },
        ]),
      ),
  )
}

const measure = fc.oneof(
  fc.constantFrom('count', 'days').map(name => ({ [name]: true })),
  fc.tuple(fc.constantFrom('sum', 'avg', 'min', 'max', 'distinct', 'first', 'last'), path).map(([name, prop]) => ({ [name]: { prop } })),
)
const metrics = fc.tuple(selection, measure).map(([selection, measure]) => ({ ...selection, ...measure }))

const now = Date.UTC(2026, 10, 27, 12)
const day = 24 * hour
let position = 0
const paid = (leaf: number, at: number, total = 1) => ({ leaf, ts: at, position: ++position, event: 'Pay', props: { total }, context: {} })
const worldOf = (events: NaiveWorld['events']): NaiveWorld => ({
  zone: 'Asia/Shanghai',
  events,
  traits: [],
  consents: [],
  roots: new Map(),
  sensitive: new Map(),
})
const valuesAt = async (world: NaiveWorld, at: number, document: object, run?: unknown) => {
  await store(clickhouse, world)
  const [found] = await worked(world, at, [definitionOf({ zh: '指标', kind: 'metric', ...document }, run)])
  return Object.fromEntries([...(found ?? [])].map(([profile, { value, due }]) => [profile, [value, due < 1e15 ? due - at : 'never']]))
}

test('days since the latest are whole days of 24 hours, and due at the next', async () => {
  const world = worldOf([paid(1, now - 2 * day), paid(1, now - day - 1), paid(2, now - 3 * day)])
  const metric = { event: 'Pay', sinceLast: true }
  expect(await valuesAt(world, now, { metric })).toEqual({ 1: [1, day - 1], 2: [3, day] })
  const buckets = { edges: [2, 3.5], labels: ['hot', 'warm', 'cold'] }
  expect(await valuesAt(world, now, { metric, buckets })).toEqual({ 1: ['hot', day - 1], 2: ['warm', day] })
  expect(await valuesAt(world, now + day, { metric, buckets })).toEqual({ 1: ['warm', 2 * day - 1], 2: ['cold', 'never'] })
})

test('fixed edges belong to the bucket above them', async () => {
  const world = worldOf([paid(1, now - day, 99.99), paid(2, now - day, 100), paid(3, now - day, 1000)])
  const document = { metric: { event: 'Pay', within: '30d', sum: { prop: 'total' } }, buckets: { edges: [100, 1000] } }
  expect(await valuesAt(world, now, document)).toEqual({ 1: [1, 29 * day], 2: [2, 29 * day], 3: [3, 29 * day] })
})

test('quantiles are between the edges of the last run, ties in the lower bucket; recency counts the other way round', async () => {
  const amounts = [5, 1, 1, 1, 1, 1, 2, 3, 4, 9]
  const world = worldOf(amounts.map((total, index) => paid(index + 1, now - (index + 1) * day, total)))
  await store(clickhouse, world)
  const run = async (document: object) => {
    const definition = definitionOf({ zh: '分位', kind: 'metric', refresh: { daily: '03:00' }, ...document })
    const runner = {
      newPlan: () => new Plan(contextOf(world, now)),
      query<T>(plan: Plan, columns: readonly string[], around: (statement: string) => string) {
        const { text, params } = statement(plan, [...plan.columns, ...columns], {})
        return clickhouse.query<T>(around(`(${text})`), params)
      },
    }
    const edges = await tagType.prepare?.(definition as never, runner)
    const values = await valuesAt(world, now, { refresh: { daily: '03:00' }, ...document }, edges)
    return { edges, values: Object.values(values).map(([value]) => value) }
  }
  expect(await run({ metric: { event: 'Pay', sum: { prop: 'total' } }, buckets: { quantiles: 5 } })).toEqual({
    edges: { edges: [1, 1, 2, 4], people: 10 },
    values: [5, 1, 1, 1, 1, 1, 3, 4, 4, 5],
  })
  expect(await run({ metric: { event: 'Pay', sinceLast: true }, buckets: { quantiles: 5, order: 'desc' } })).toEqual({
    edges: { edges: [-9, -7, -5, -3], people: 10 },
    values: [5, 5, 4, 4, 3, 3, 2, 2, 1, 1],
  })
  expect(await run({ metric: { event: 'Nothing', avg: { prop: 'total' } }, buckets: { quantiles: 5 } })).toMatchObject({
    edges: { edges: [], people: 0 },
    values: Array(10).fill(undefined),
  })
})

test('quantiles are refused for a live tag, with what to do', () => {
  const document = { zh: '分位', kind: 'metric', metric: { event: 'Pay', count: true }, buckets: { quantiles: 5 } }
  expect(tagDocument.safeParse(document).error?.issues).toMatchObject([{ path: ['refresh'], message: expect.stringContaining('schedule') }])
  expect(tagDocument.safeParse({ ...document, refresh: { every: '6h' } }).success).toBe(true)
})

test('without the consent that its event needs, nobody has a value', async () => {
  const events = [paid(1, now - day, 7), paid(2, now - day, 7)]
  const consents = [{ leaf: 2, ts: now - day, position: 1, purpose: 'medical', given: true }]
  const world = { ...worldOf(events), consents, sensitive: new Map([['Pay.total', 'medical']]) }
  const metric = { event: 'Pay', max: { prop: 'total' } }
  expect(await valuesAt(world, now, { metric })).toEqual({ 1: [undefined, 'never'], 2: [7, 'never'] })
  expect(await valuesAt(world, now, { metric, purpose: 'service' })).toEqual({ 1: [7, 'never'], 2: [7, 'never'] })
})

test('a metric is the number that its rule compares, and stays so until it is due', { timeout: (seconds * 5 + 100) * 1000 }, async () => {
  let valued = 0
  let due = 0
  const drawn = fc.tuple(busyWorlds, fc.array(metrics, { minLength: 4, maxLength: 4 }))
  await holdFor(seconds * 5, { atMost: seconds * 2 }, drawn, async ([{ world: all, now }, metrics]) => {
    const past = <T extends { ts: number }>(facts: T[]) => facts.filter(({ ts }) => ts <= now)
    const world: NaiveWorld = { ...all, events: past(all.events), consents: past(all.consents) }
    await store(clickhouse, world)
    const definitions = metrics.map(metric => definitionOf({ zh: '指标', kind: 'metric', metric }))
    const found = await worked(world, now, definitions)
    for (const [index, metric] of metrics.entries()) {
      const asked = (operators: object): Rule =>
        Object.fromEntries(
          Object.entries(metric as Record<string, unknown>).map(([name, of]) => {
            if (of === true) return [name, operators]
            return ['event', 'where', 'within'].includes(name) ? [name, of] : [name, { ...(of as object), ...operators }]
          }),
        ) as Rule
      const isThere = naive(asked({ exists: true }), world, now)
      for (const [profile, { value, due: dueAt }] of found[index] ?? []) {
        const told = `${JSON.stringify(metric)} of ${profile}`
        expect(dueAt, told).toBeGreaterThan(now)
        if (value === undefined) {
          const isPlain = !('first' in metric || 'last' in metric)
          if (isPlain) expect(isThere.get(profile), told).not.toBe(true)
          continue
        }
        valued++
        expect(naive(asked({ eq: value }), world, now).get(profile), `${told}: ${value}`).toBe(true)
        if (dueAt < Number.MAX_SAFE_INTEGER) due++
        for (const at of [now + 1, now + hour, now + 30 * hour, dueAt - 1])
          if (at < dueAt && at < now + 10_000 * 24 * hour)
            expect(naive(asked({ eq: value }), world, at).get(profile), `${told} after ${at - now} ms`).toBe(true)
      }
    }
  })
  expect(valued).toBeGreaterThan(0)
  expect(due).toBeGreaterThan(0)
})
