import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { basesOf, everybody } from '../src/definitions/bases.ts'
import { currentBitmaps } from '../src/definitions/membership.ts'
import type { DefinitionSet } from '../src/definitions/set.ts'
import { statesOf } from '../src/profiles/states.ts'
import { Refusal } from '../src/refusal.ts'
import { props, rules } from '../src/rules/arbitrary.fixture.ts'
import { statement } from '../src/rules/compile.ts'
import { Plan, type RuleContext } from '../src/rules/plan.ts'
import type { Rule } from '../src/rules/schema.ts'
import { earliest } from '../src/rules/sql/never.ts'
import { holdFor } from './hold-for.ts'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

/** A longer run: ZHIKE_INCREMENTAL_SECONDS=600. A failed one again: ZHIKE_INCREMENTAL_SEED. */
const seconds = Number(process.env.ZHIKE_INCREMENTAL_SECONDS ?? 20)
const seed = process.env.ZHIKE_INCREMENTAL_SEED
const hour = 3_600_000
const day = 24 * hour

let shop: LivingWorkspace
beforeAll(async () => {
  shop = await livingWorkspace(Date.parse('2026-03-27T10:00:00+08:00'))
  // Traits of several types: nothing is refused for the type it never had.
  await shop.send(
    { type: 'identify', userId: 'first', traits: { t: 'a', u: 1 } },
    { type: 'identify', userId: 'first', traits: { t: 1, u: 'a' } },
  )
  await shop.flush()
  for (const key of [0, 1, 2]) await define({ key, rules: fc.sample(usual, 2), refers: key > 0 })
})
afterAll(() => shop.stop())

const person = fc.record(
  { user: fc.integer({ min: 0, max: 3 }), phone: fc.integer({ min: 0, max: 3 }), email: fc.integer({ min: 0, max: 3 }) },
  { requiredKeys: [] },
)
const message = fc.record({
  who: person.filter(one => Object.keys(one).length > 0),
  event: fc.constantFrom('View', 'Add', 'Pay'),
  props,
  ago: fc.oneof(fc.constantFrom(0, 0, 0, hour, day, 7 * day, 31 * day), fc.integer({ min: 0, max: 40 * day })),
  trait: fc.option(fc.record({ key: fc.constantFrom('t', 'u'), value: fc.constantFrom('a', 'b', 1, 2, '2026-03-29', null) }), { freq: 3 }),
})

/** Rules that meet these histories, besides whatever comes. */
const usual: fc.Arbitrary<Rule> = fc.constantFrom<Rule>(
  { event: 'Pay', within: '1d' },
  { event: 'View', within: '7d', count: { gte: 2 } },
  { event: ['View', 'Add'], within: '1mo', count: { between: [1, 3] } },
  { event: 'Add', within: '7d', count: { eq: 0 } },
  { event: 'Pay', sinceLast: { gt: '1d' } },
  { event: 'View', sinceFirst: { lte: '31d' } },
  { event: 'View', within: { ago: ['31d', '1d'] } },
  { event: 'View', per: 'p', within: '7d', count: { gte: 2 }, without: { event: 'Add', within: '1d' } },
  { sequence: [{ event: 'View' }, { event: 'Add', within: '1w' }], within: '1mo' },
  { event: 'View', within: '7d', days: { gte: 2 } },
  { event: 'View', within: '31d', sum: { prop: 'n', gt: 1 } },
  { trait: 't', withinLast: '7d' },
  { trait: 'u', anniversaryWithin: '2w' },
  { event: 'View', where: [{ prop: 'd', withinNext: '2d' }] },
)
const rule = fc.oneof(
  { weight: 2, arbitrary: usual },
  // `since` has a meaning inside a journey only.
  { weight: 1, arbitrary: rules.filter(one => !JSON.stringify(one).includes('"since":')) },
)

type Message = typeof message extends fc.Arbitrary<infer T> ? T : never

type Step =
  | { do: 'send'; messages: Message[] }
  | { do: 'wait'; ms: number }
  | { do: 'wait until due'; plus: number }
  | { do: 'define'; key: number; rules: Rule[]; refers: boolean }
  | { do: 'unmerge' }
  | { do: 'compact' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.array(message, { minLength: 1, maxLength: 6 }).map(messages => ({ do: 'send' as const, messages })) },
  { weight: 2, arbitrary: fc.constantFrom(1, hour, day - 1, day, 7 * day).map(ms => ({ do: 'wait' as const, ms })) },
  { weight: 4, arbitrary: fc.constantFrom(-1, 0, 1).map(plus => ({ do: 'wait until due' as const, plus })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 2 }), fc.array(rule, { minLength: 1, maxLength: 2 }), fc.boolean())
      .map(([key, some, refers]) => ({ do: 'define' as const, key, rules: some, refers })),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'unmerge' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'compact' as const }) },
)

test('what the incremental way says is what a full recomputation says, at every step of any history', {
  timeout: (seconds + 100) * 1000,
}, async () => {
  let story = 0
  const seen = { profiles: 0, held: 0, dues: 0 }
  await holdFor(seconds, { atMost: seconds, seed }, fc.array(step, { minLength: 3, maxLength: 6 }), async steps => {
    story += 1
    for (const one of steps) {
      await take(one, story)
      await shop.flush()
      await compare(JSON.stringify(one), seen)
    }
  })
  expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(0)
})

async function take(one: Step, story: number): Promise<void> {
  if (one.do === 'wait') shop.now += one.ms
  if (one.do === 'wait until due') shop.now = Math.max(shop.now, (await nextDue()) + one.plus)
  if (one.do === 'define') await define(one)
  if (one.do === 'unmerge') await unmergeLast()
  if (one.do === 'compact') await shop.compact()
  if (one.do === 'send')
    await shop.send(
      ...one.messages.map(({ who, event, props, ago, trait }) => ({
        type: trait ? 'identify' : 'track',
        ...(trait ? { traits: { [trait.key]: trait.value } } : { event, properties: props }),
        ...(who.user !== undefined && { userId: `u${story}-${who.user}` }),
        ...(who.user === undefined && { anonymousId: `a${story}-${who.phone}-${who.email}` }),
        timestamp: new Date(shop.now - ago).toISOString(),
        context: {
          externalIds: [
            ...(who.phone === undefined ? [] : [{ type: 'phone', id: `1990${String(story % 1000).padStart(3, '0')}000${who.phone}` }]),
            ...(who.email === undefined ? [] : [{ type: 'email', id: `p${who.email}.${story}@example.com` }]),
          ],
        },
      })),
    )
}

async function define({ key, rules, refers }: { key: number; rules: Rule[]; refers: boolean }): Promise<void> {
  const values = rules.map((rule, index) => ({
    value: `v${index}`,
    rule: refers && key > 0 ? { any: [rule, { tag: `tag_${key - 1}` }] } : rule,
  }))
  try {
    await shop.api.call('PUT', `/api/tags/tag_${key}`, { zh: `标签 ${key}`, kind: 'rule', values })
    await shop.api.call('PUT', `/api/audiences/audience_${key}`, { zh: `人群 ${key}`, rule: { tag: `tag_${key}`, ne: 'v0' } })
  } catch (error) {
    // Too long for one statement.
    if (!(error instanceof Refusal) || error.status !== 422) throw error
  }
}

async function unmergeLast(): Promise<void> {
  const [merge] = await shop.zhike.core.stores.postgres.query<{ id: number }>(
    `select id from identity_changes c where kind = 'merge' and exists (select from leaves where leaf = c.merged and root = c.survivor) order by id desc limit 1`,
  )
  if (merge)
    await shop.api.call('POST', '/api/identity/unmerge', { merge: merge.id }).catch(error => {
      if (!(error instanceof Refusal)) throw error
    })
}

async function nextDue(): Promise<number> {
  const [row] = await shop.zhike.core.stores.postgres.query<{ at: number | null }>(
    'select min(due_at) as at from profile_states where due_at < 9007199254740991',
  )
  return row?.at ?? shop.now
}

async function compare(after: string, seen: { profiles: number; held: number; dues: number }): Promise<void> {
  const { stores, definitions, contextAt } = shop.zhike.core
  const roots = await stores.postgres.query<{ leaf: number }>('select leaf from leaves where leaf = root order by leaf')
  const profiles = roots.map(({ leaf }) => leaf)
  const set = definitions.set()
  const full = await everybodyNow(set, { ...contextAt(shop.now), derived: set.derived })
  const kept = await statesOf(stores.postgres, profiles)
  const nameOf = new Map(set.all.map(one => [one.id, one.key]))
  const readable = (values: ReadonlyMap<number, unknown>) =>
    Object.fromEntries([...values].map(([id, value]) => [nameOf.get(id), value] as const).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)))
  const { text, params } = currentBitmaps(await basesOf(stores.postgres, [everybody, ...set.all.map(({ id }) => id)]))
  const members = await stores.clickhouse.query<{ definition: number; value: string; profile: number }>(
    `select definition, value, arrayJoin(bitmapToArray(members)) as profile from (${text})`,
    params,
  )
  const population = members.filter(({ definition }) => definition === everybody).map(({ profile }) => profile)
  if (set.live.length > 0)
    expect(
      population.sort((a, b) => a - b),
      `population after ${after}`,
    ).toEqual([...full.keys()].sort((a, b) => a - b))
  const memberships = Map.groupBy(
    members.filter(({ definition }) => definition !== everybody),
    ({ profile }) => profile,
  )
  for (const profile of profiles) {
    const state = kept.get(profile)
    const said = full.get(profile)
    const held = new Map([...(state?.held ?? [])].map(([id, [value]]) => [id, value]))
    expect(readable(held), `profile ${profile} after ${after}`).toEqual(readable(said?.values ?? new Map()))
    expect(state?.dueAt ?? Number.MAX_SAFE_INTEGER, `due of ${profile} after ${after}`).toBeLessThanOrEqual(
      said?.dueAt ?? Number.MAX_SAFE_INTEGER,
    )
    expect(state?.dueAt ?? Number.MAX_SAFE_INTEGER).toBeGreaterThan(shop.now)
    const stored = (memberships.get(profile) ?? []).map(({ definition, value }) => [nameOf.get(definition), JSON.parse(value)] as const)
    expect(Object.fromEntries(stored), `memberships of ${profile} after ${after}`).toEqual(readable(held))
    seen.profiles += 1
    seen.held += held.size
    if ((state?.dueAt ?? Number.MAX_SAFE_INTEGER) < Number.MAX_SAFE_INTEGER) seen.dues += 1
  }
}

/** The whole workspace worked out anew, by the statement that counts and lists use. */
async function everybodyNow(
  set: DefinitionSet,
  context: RuleContext,
): Promise<Map<number, { values: Map<number, unknown>; dueAt: number }>> {
  const plan = new Plan(context)
  const assessed = set.live.map(definition => ({ id: definition.id, ...set.assessed(definition, plan) }))
  const dues = assessed.map(({ due }) => due())
  const columns = assessed.map(({ id, value }) => `${value} as v${id}`)
  const { text, params } = statement(plan, [...plan.columns, ...columns, `${earliest(dues)} as due`], {})
  const names = assessed.map(({ id }) => `v${id}`).join(', ')
  const rows = await shop.zhike.core.stores.clickhouse.query<Record<string, unknown>>(
    `select profile, due, ${names} from (${text})`,
    params,
  )
  return new Map(
    rows.map(row => {
      const said = assessed.flatMap(({ id }) => (row[`v${id}`] === '' ? [] : [[id, JSON.parse(String(row[`v${id}`])) as unknown] as const]))
      return [Number(row.profile), { values: new Map(said), dueAt: Number(row.due) }]
    }),
  )
}
