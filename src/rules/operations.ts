import { Refusal } from '../refusal.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import { type Branch, type Compiled, compile, statementSettings } from './compile.ts'
import type { RuleContext } from './plan.ts'
import type { Rule } from './schema.ts'

const asked = { settings: statementSettings }

export interface BranchCount {
  /** Where it stands in the rule; empty for the whole. */
  path: string
  count: number
  /** Left out because a consent that it needs is missing. */
  unknown: number
}

export interface Count {
  count: number
  /** Everybody of whom there is a fact at that moment. */
  total: number
  unknown: number
  branches: BranchCount[]
}

/** How many meet the rule, and each part of it. */
export async function countOf(clickhouse: ClickHouse, rule: Rule, context: RuleContext): Promise<Count> {
  const { text, params, branches } = compile(rule, context)
  const columns = branches.map(({ column }) => `countIf(ifNull(${column}, 0)) as n_${column}, countIf(isNull(${column})) as u_${column}`)
  const [row = {}] = await clickhouse.query<Record<string, number>>(
    `select count() as total, ${columns.join(', ')} from (${text})`,
    params,
    asked,
  )
  const counts = branches.map(({ path, column }) => ({ path, count: row[`n_${column}`] ?? 0, unknown: row[`u_${column}`] ?? 0 }))
  const [whole] = counts
  return { count: whole?.count ?? 0, total: row.total ?? 0, unknown: whole?.unknown ?? 0, branches: counts }
}

export interface Page {
  /** In ascending order. */
  members: number[]
  /** Continues where the page ended, at the same moment. */
  next?: string
}

/** @param context its `now` counts for a first page only: a cursor pins the moment of the page that gave it */
export async function membersOf(clickhouse: ClickHouse, rule: Rule, context: RuleContext, limit: number, cursor?: string): Promise<Page> {
  const { now, after } = cursor === undefined ? { now: context.now, after: 0 } : cursorFrom(cursor)
  const { text, params } = membersStatement(rule, { ...context, now })
  const rows = await clickhouse.query<{ profile: number }>(
    `${text} and profile > {after:UInt32} order by profile limit {limit:UInt32}`,
    { ...params, after, limit: limit + 1 },
    asked,
  )
  const members = rows.slice(0, limit).map(({ profile }) => profile)
  return { members, ...(rows.length > limit && { next: cursorText(now, members.at(-1) ?? 0) }) }
}

/** Every member as they come, in no order. */
export async function* streamOf(clickhouse: ClickHouse, rule: Rule, context: RuleContext): AsyncIterable<number> {
  const { text, params } = membersStatement(rule, context)
  for await (const { profile } of clickhouse.stream<{ profile: number }>(text, params, asked)) yield profile
}

/** Some members, the same for the same seed, spread over all of them. */
export async function sampleOf(clickhouse: ClickHouse, rule: Rule, context: RuleContext, size: number, seed: number): Promise<number[]> {
  const { text, params } = membersStatement(rule, context)
  const rows = await clickhouse.query<{ profile: number }>(
    `${text} order by sipHash64(profile, {seed:UInt32}) limit {limit:UInt32}`,
    { ...params, seed, limit: size },
    asked,
  )
  return rows.map(({ profile }) => profile)
}

function membersStatement(rule: Rule, context: RuleContext): Pick<Compiled, 'text' | 'params'> {
  const { text, params, root } = compile(rule, context)
  return { text: `select profile from (${text}) where ifNull(${root.column}, 0)`, params }
}

function cursorText(now: number, after: number): string {
  return `${now}-${after}`
}

function cursorFrom(cursor: string): { now: number; after: number } {
  const [, now, after] = /^(-?\d{1,14})-(\d{1,10})$/.exec(cursor) ?? []
  if (now === undefined || after === undefined)
    throw new Refusal(400, 'bad-cursor', 'the cursor is not one that this API gave; start again without it')
  return { now: Number(now), after: Number(after) }
}

/** What a part of a rule says of one person, and why. */
export interface Explained {
  path: string
  rule: Rule
  /** Null: a consent that it needs is missing. */
  verdict: boolean | null
  evidence?: Record<string, unknown>
  /** The consents that it needs, where it reads sensitive data. */
  needs?: readonly string[]
  parts?: Explained[]
}

/** Undefined for a profile of which there is no fact at that moment. */
export async function explain(clickhouse: ClickHouse, rule: Rule, context: RuleContext, profile: number): Promise<Explained | undefined> {
  const { text, params, root } = compile(rule, context, { profiles: [profile], evidence: true })
  const [row] = await clickhouse.query<Record<string, unknown>>(text, params, asked)
  return row && explainedBranch(root, row)
}

function explainedBranch({ path, rule, column, evidence, needs, children }: Branch, row: Record<string, unknown>): Explained {
  const value = row[column]
  const verdict = value === null || value === undefined ? null : value === 1 || value === true
  // What is unknown for want of a consent is not shown either.
  const known = verdict === null ? [] : Object.keys(evidence)
  const shown = known.flatMap(name => shownEvidence(name, row[`${column}_${name}`]))
  return {
    path,
    rule,
    verdict,
    ...(shown.length > 0 && { evidence: Object.fromEntries(shown) }),
    ...(needs.length > 0 && { needs }),
    ...(children.length > 0 && { parts: children.map(child => explainedBranch(child, row)) }),
  }
}

function shownEvidence(name: string, value: unknown): [string, unknown][] {
  const text = String(value ?? '')
  if (name === 'last') return text === '0' ? [] : [[name, new Date(Number(text)).toISOString()]]
  try {
    const json: unknown = JSON.parse(text)
    return json === null ? [] : [[name, json]]
  } catch {
    return []
  }
}
