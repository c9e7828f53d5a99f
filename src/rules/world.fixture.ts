import { type Marks, marksOf } from '../dictionary/marks.ts'
import { keysFrom } from '../privacy/keys.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import { branchOf, compile, statementSettings } from './compile.ts'
import { affinityLeaf } from './kinds/affinity.ts'
import type { NaiveWorld, Verdict } from './naive.fixture.ts'
import { Plan, type RuleContext } from './plan.ts'
import type { Rule } from './schema.ts'
import { scopedSettings, scopedStatement } from './scoped.ts'

let stored: NaiveWorld | undefined

/** The literal facts as the pipeline stores them, in place of those that were there. */
export async function store(clickhouse: ClickHouse, world: NaiveWorld): Promise<void> {
  if (stored === world) return
  stored = world
  for (const table of ['events', 'traits', 'consents', 'roots', 'entities']) await clickhouse.command(`truncate table ${table}`)
  const where = ({ leaf, ts, position }: { leaf: number; ts: number; position: number }) =>
    ({ leaf, ts: moment(ts), received_at: moment(Date.UTC(2026, 5, 1)), position, range: 1, source: 'test' }) as const
  const isNested = (value: unknown) =>
    typeof value === 'object' && value !== null && (!Array.isArray(value) || value.some(one => one === null || typeof one === 'object'))
  const rows = {
    events: world.events.map(one => ({ ...where(one), event: one.event, props: one.props, context: one.context })),
    traits: world.traits.map(one => ({
      ...where(one),
      key: one.key,
      op: one.value === null ? 'unset' : 'set',
      value: isNested(one.value) ? JSON.stringify(one.value) : one.value,
      json: isNested(one.value),
    })),
    consents: world.consents.map(one => ({ ...where(one), purpose: one.purpose, given: one.given })),
    entities: (world.entities ?? []).map(one => ({ ...one, deleted: false, version: 1 })),
    roots: [...world.roots].map(([leaf, root]) => ({ leaf, root, version: 1 })),
  }
  for (const [table, lines] of Object.entries(rows))
    if (lines.length > 0) await clickhouse.insert(table, lines.map(line => JSON.stringify(line)).join('\n'))
}

function moment(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '')
}

export function contextOf(world: NaiveWorld, now: number): RuleContext {
  const keys = keysFrom('0123456789abcdef0123456789abcdef')
  return {
    now,
    zone: world.zone,
    marks: marksIn(world),
    blindIndex: keys.blindIndex,
    winOf: () => 'latest',
    mirrorOf: trait => world.mirrors?.get(trait),
    ...(world.kinds && { kinds: world.kinds }),
    ...(world.since && { since: world.since }),
    derived(rule, plan) {
      const dimension = 'affinity' in rule ? world.dimensions?.get(rule.affinity.dimension) : undefined
      return 'affinity' in rule && dimension ? affinityLeaf(rule, dimension, plan) : undefined
    },
  }
}

function marksIn({ sensitive }: NaiveWorld): Marks {
  const traits = [...sensitive].filter(([place]) => place.startsWith('trait:'))
  const events = [...sensitive].filter(([place]) => !place.startsWith('trait:'))
  return marksOf(
    events.map(([place, purpose]) => {
      const [event = '', path = ''] = place.split('.')
      return { event, path, mark: { sensitive: purpose } }
    }),
    new Map(traits.map(([place, purpose]) => [place.slice(6), { sensitive: purpose }])),
  )
}

/** What the compiled rule says of every profile. */
export async function compiledVerdicts(clickhouse: ClickHouse, rule: Rule, context: RuleContext): Promise<Map<number, Verdict>> {
  const { text, params, root } = compile(rule, context)
  const rows = await clickhouse.query<{ profile: number; verdict: number | null }>(
    `select profile, ${root.column} as verdict from (${text})`,
    params,
    { settings: statementSettings },
  )
  return new Map(rows.map(({ profile, verdict }) => [profile, verdict === null ? null : verdict === 1]))
}

/** The same asked of people whose leaves are known, as ticks ask it; of whom there is an event. */
export async function scopedVerdicts(
  clickhouse: ClickHouse,
  rule: Rule,
  context: RuleContext,
  world: NaiveWorld,
): Promise<Map<number, Verdict>> {
  const plan = new Plan(context)
  const root = branchOf(rule, plan)
  const leaves = [...world.events.map(({ leaf }) => leaf), ...world.roots.keys(), ...world.roots.values()]
  const merged = [...world.roots].map(([leaf, root]) => ({ leaf, root }))
  const { text, params } = scopedStatement(plan, [`${root.column} as verdict`], [root.due()], { leaves: [...new Set(leaves)], merged })
  const rows = await clickhouse.query<{ profile: number; verdict: number | null; due: number }>(
    `select profile, verdict, due from (${text})`,
    params,
    { settings: scopedSettings },
  )
  if (rows.some(({ due }) => Number(due) <= context.now)) throw new Error('what is due is due after now')
  return new Map(rows.map(({ profile, verdict }) => [profile, verdict === null ? null : verdict === 1]))
}
