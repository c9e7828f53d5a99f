import { Refusal } from '../refusal.ts'
import { childPaths, childrenOf } from './children.ts'
import { eventLeaf } from './kinds/event.ts'
import { sequenceLeaf } from './kinds/sequence.ts'
import { traitLeaf } from './kinds/trait.ts'
import { invalid } from './parse.ts'
import { type LeafSql, Plan, type RuleContext } from './plan.ts'
import type { Rule } from './schema.ts'
import type { Sql } from './sql/binder.ts'
import { earliest, never } from './sql/never.ts'
import { leavesOf, profilesOf } from './sql/scan.ts'

/** A rule, or a part of one, as a column of the compiled statement: 1 holds, 0 does not, null is unknown. */
export interface Branch {
  /** Where it stands in the document; the rule itself is the empty path. */
  path: string
  rule: Rule
  column: Sql
  /** Only of leaves: columns that show why. */
  evidence: Readonly<Record<string, Sql>>
  /** Consent purposes that a leaf needs. */
  needs: readonly string[]
  children: Branch[]
  /** See `LeafSql.due`. */
  due: () => Sql
}

export interface Compiled {
  /** One row per profile: `profile`, a column per branch, and the evidence. */
  text: Sql
  params: Record<string, unknown>
  root: Branch
  /** The root and everything below it. */
  branches: readonly Branch[]
}

/** What the store's parser takes, with room for what is put around it. */
const longestStatement = 220_000

/** With these the store takes every statement of that length, however many small parts it has. */
export const statementSettings = { optimize_aggregation_in_order: 1, max_ast_elements: 250_000, max_expanded_ast_elements: 2_500_000 }

export interface CompileOptions {
  /** Only these profiles; everybody without it. */
  profiles?: readonly number[]
  evidence?: boolean
  /** A column `due` too (see `LeafSql.due`). */
  due?: boolean
}

/** @throws Refusal for what has no meaning in this workspace, with its path */
export function compile(rule: Rule, context: RuleContext, options: CompileOptions = {}): Compiled {
  const plan = new Plan(context)
  const root = branchOf(rule, plan)
  const branches = flat(root)
  const evidence = options.evidence
    ? branches.flatMap(({ column, evidence }) => Object.entries(evidence).map(([name, sql]) => `toString(${sql}) as ${column}_${name}`))
    : []
  const due = options.due ? [`${root.due()} as due`] : []
  const { text, params } = statement(plan, [...plan.columns, ...evidence, ...due], options)
  if (text.length > longestStatement)
    throw new Refusal(422, 'invalid-rule', 'the rule asks for more than one statement can hold: split it into tags')
  return { text, params, root, branches }
}

function flat(branch: Branch): Branch[] {
  return [branch, ...branch.children.flatMap(flat)]
}

/** Adds a rule and its parts to what a plan reads and tells. */
export function branchOf(rule: Rule, plan: Plan, path = ''): Branch {
  const paths = childPaths(rule)
  const children = childrenOf(rule).map((child, index) => branchOf(child, plan, [path, paths[index]].filter(Boolean).join('.')))
  const leaf = children.length > 0 ? undefined : located(path, () => leafOf(rule, plan))
  const column = plan.column(leaf ? knownOnly(leaf, plan) : joined(rule, children))
  const due = leaf?.due ?? (() => earliest(children.map(child => child.due())))
  return { path, rule, column, evidence: leaf?.evidence ?? {}, needs: leaf?.needs ?? [], children, due }
}

function located<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof Refusal && error.details.length === 0) throw invalid([{ path, message: error.message }])
    throw error
  }
}

function leafOf(rule: Rule, plan: Plan): LeafSql {
  if ('trait' in rule) return traitLeaf(rule, plan)
  if ('event' in rule) return eventLeaf(rule, plan)
  if ('sequence' in rule) return sequenceLeaf(rule, plan)
  if ('consent' in rule) return { holds: plan.consent(rule.consent), needs: [], evidence: {}, due: () => never }
  if (!('tag' in rule || 'audience' in rule || 'affinity' in rule)) throw new TypeError('no leaf')
  const derived = plan.context.derived?.(rule, plan)
  if (derived) return derived
  const what = 'tag' in rule ? 'tag' : 'audience' in rule ? 'audience' : 'dimension'
  throw new Refusal(422, 'invalid-rule', `unknown ${what}: this workspace has none of that name`)
}

/** What reads sensitive data is unknown without the consent. */
function knownOnly({ holds, needs }: LeafSql, plan: Plan): Sql {
  const asked = plan.isExempt ? [] : needs
  if (asked.length === 0) return `toUInt8(${holds})`
  return `if(${asked.map(purpose => plan.consent(purpose)).join(' and ')}, toNullable(toUInt8(${holds})), null)`
}

/** Kleene's logic, which is also how the store joins nulls. */
function joined(rule: Rule, children: readonly Branch[]): Sql {
  const columns = children.map(({ column }) => column)
  if ('all' in rule) return `(${columns.join(' and ')})`
  if ('any' in rule) return `(${columns.join(' or ')})`
  if ('not' in rule) return `not ${columns[0]}`
  const k = 'of' in rule ? rule.atLeast : 0
  const holding = columns.map(column => `ifNull(${column}, 0)`).join(' + ')
  const possible = columns.map(column => `ifNull(${column}, 1)`).join(' + ')
  return `if(${holding} >= ${k}, 1, if(${possible} < ${k}, 0, null))`
}

/** One row per profile: `profile` and the columns, which may refer to the plan's named expressions. */
export function statement(plan: Plan, columns: readonly Sql[], { profiles }: CompileOptions): Pick<Compiled, 'text' | 'params'> {
  const { binder, context, rows, events, eventNames, traits, traitKeys, consents, inputs, inputIds, keyed } = plan
  const isThere = `ts <= fromUnixTimestamp64Milli(${binder.whole(context.now)}, 'UTC')`
  const among = profiles ? `${isThere} and ${leavesOf('{profiles:Array(UInt32)}')}` : isThere
  const everybody = profilesOf(['events', 'traits', 'consents'].map(table => `${table} where ${among}`))
  const passes = [
    events.isEmpty ? '' : events.sql(`events where ${among} and event in ${binder.texts([...eventNames])}`, rows),
    traits.isEmpty ? '' : traits.sql(`traits where ${among} and key in ${binder.texts([...traitKeys])}`, rows),
    consents.isEmpty ? '' : consents.sql(`consents where ${among}`, rows),
    inputs.isEmpty ? '' : inputs.sql(`assignments where ${among} and has(${binder.numbers([...inputIds])}, definition)`, rows),
    ...keyed.map(({ scan, from, keys, holds, due }, index) => {
      const inner = scan.sql(`events where ${among} and ${from}`, rows, { name: `key${index}`, of: keys })
      const first = due === undefined ? '' : `, min(${due}) as u${index}`
      return `select profile, max(${holds}) as h${index}${first} from (${inner}) group by profile`
    }),
  ].filter(pass => pass !== '')
  const joins = passes.map((pass, index) => `left join (${pass}) as q${index} on q${index}.profile = p.profile`)
  const text = `${plan.preamble}select p.profile as profile, ${columns.join(',\n  ')}\nfrom (${everybody}) as p\n${joins.join('\n')}`
  return { text, params: { ...binder.params(), ...(profiles && { profiles }) } }
}
