import fc from 'fast-check'
import { expect, test } from 'vitest'
import { holdFor } from '../../../test/hold-for.ts'
import { testStores } from '../../../test/stores.ts'
import { affinityRules, busyWorlds } from '../arbitrary.fixture.ts'
import { branchOf, statement } from '../compile.ts'
import { type NaiveWorld, naive } from '../naive.fixture.ts'
import { parseRule } from '../parse.ts'
import { Plan } from '../plan.ts'
import { compiledVerdicts, contextOf, store } from '../world.fixture.ts'
import { affinityLeaf } from './affinity.ts'
import { dimensionSchema } from './dimension-shape.ts'

const { clickhouse } = await testStores()
const seconds = Number(process.env.ZHIKE_RULES_SECONDS ?? 6)
const hour = 3_600_000
/** Beside random ones: these fall due in most histories. */
const sure = [
  { affinity: { dimension: 'plain', value: 'a' }, strength: { gte: 0.01 } },
  { affinity: { dimension: 'daypart', value: 'morning' }, strength: { lt: 0.1 }, gte: 0.2 },
]

const now = Date.UTC(2026, 10, 27)
const day = 24 * hour
const event = (leaf: number, at: number, props: { category: string; w?: number }) => ({
  leaf,
  ts: at,
  position: ++position,
  event: 'View',
  props,
  context: {},
})
let position = 0
const worldOf = (events: NaiveWorld['events'], half_life = '1d', min_events = 1): NaiveWorld => ({
  zone: 'UTC',
  events,
  traits: [],
  consents: [],
  roots: new Map(),
  sensitive: new Map(),
  dimensions: new Map([
    ['category', dimensionSchema.parse({ from: { event: 'View', prop: 'category', weight: 'w' }, half_life, min_events })],
  ]),
})
const holdsFor = async (world: NaiveWorld, asked: object, at = now) => {
  await store(clickhouse, world)
  return (
    await compiledVerdicts(clickhouse, parseRule({ affinity: { dimension: 'category', value: 'a' }, ...asked }), contextOf(world, at))
  ).get(1)
}

test('a share is worth something however old everything is: nothing vanishes', async () => {
  const longAgo = now - 40 * 365 * day
  const world = worldOf([event(1, longAgo, { category: 'a', w: 3 }), event(1, longAgo, { category: 'b', w: 1 })], '1h')
  expect(await holdsFor(world, { eq: 0.75 })).toBe(true)
  expect(await holdsFor(world, { strength: { gt: 0 } })).toBe(true)
  expect(await holdsFor(world, { strength: { gt: 0.001 } })).toBe(false)
})

test('an event of no weight counts, and weighs nothing', async () => {
  const events = [
    event(1, now - day, { category: 'a', w: 1 }),
    event(1, now - day, { category: 'b' }),
    event(1, now - day, { category: 'b', w: -2 }),
  ]
  expect(await holdsFor(worldOf(events, '1d', 3), { eq: 1 })).toBe(true)
  expect(await holdsFor(worldOf(events, '1d', 4), { eq: 1 })).toBe(false)
  expect(await holdsFor(worldOf(events, '1d', 4), { exists: false })).toBe(true)
})

test('a strength halves its weight in a half-life, and the moment at which it falls below is known', async () => {
  const world = worldOf([event(1, now, { category: 'a', w: 6 })])
  const asked = { strength: { gte: 0.5 } }
  expect(await holdsFor(world, asked)).toBe(true)
  expect(await holdsFor(world, asked, now + day)).toBe(true)
  expect(await holdsFor(world, asked, now + day + 1)).toBe(false)
  const plan = new Plan(contextOf(world, now))
  const leaf = affinityLeaf(
    { affinity: { dimension: 'category', value: 'a' }, ...asked },
    world.dimensions?.get('category') ?? expect.fail(),
    plan,
  )
  const { text, params } = statement(plan, [...plan.columns, `${leaf.due()} as due`], {})
  const [row] = await clickhouse.query<{ due: string }>(`select due from (${text})`, params)
  expect(Number(row?.due)).toBe(now + day)
})

test('shares and strengths are what the naive evaluator says, and keep their truth until they are due', {
  timeout: (seconds * 5 + 100) * 1000,
}, async () => {
  let crossed = 0
  const drawn = fc.tuple(busyWorlds, fc.array(affinityRules, { minLength: 8, maxLength: 8 }))
  await holdFor(seconds * 5, { atMost: seconds * 2 }, drawn, async ([{ world: all, now }, rules]) => {
    const past = <T extends { ts: number }>(facts: T[]) => facts.filter(({ ts }) => ts <= now)
    const world: NaiveWorld = { ...all, events: past(all.events), consents: past(all.consents) }
    await store(clickhouse, world)
    const parsed = [...rules, ...sure].map(rule => parseRule(rule))
    const plan = new Plan(contextOf(world, now))
    const branches = parsed.map(rule => branchOf(rule, plan))
    const columns = branches.map(({ column, due }, index) => `tuple(${column}, ${due()}) as r${index}`)
    const { text, params } = statement(plan, [...plan.columns, ...columns], {})
    const asked = `select profile, ${parsed.map((_, index) => `r${index}`).join(', ')} from (${text}) order by profile`
    const rows = await clickhouse.query<Record<string, [number | null, string | number]> & { profile: number }>(asked, params)
    // Ticks ask in the older of the store's two ways.
    expect(await clickhouse.query(asked, params, { settings: { enable_analyzer: 0 } })).toEqual(rows)
    for (const [index, rule] of parsed.entries()) {
      const said = new Map(rows.map(row => [row.profile, row[`r${index}`]?.[0] ?? null]))
      const expected = naive(rule, world, now)
      expect(new Map([...said].map(([profile, one]) => [profile, one === null ? null : one === 1])), JSON.stringify(rule)).toEqual(expected)
      for (const row of rows) {
        const due = Number(row[`r${index}`]?.[1])
        expect(due).toBeGreaterThan(now)
        crossed += due < Number.MAX_SAFE_INTEGER ? 1 : 0
        for (const at of [now + 1, due - 1, (now + due) / 2, now + 5 * hour, now + 50 * 24 * hour].map(Math.floor))
          if (at > now && at < due)
            expect(naive(rule, world, at).get(row.profile), `${JSON.stringify(rule)} at ${at - now}`).toBe(expected.get(row.profile))
      }
    }
  })
  expect(crossed).toBeGreaterThan(0)
})
