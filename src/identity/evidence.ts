import type { Queryable } from '../store/postgres.ts'
import type { LinkRule } from './decide.ts'
import { leavesOf } from './find.ts'
import type { Special } from './graph.ts'
import type { NamespaceRule } from './namespace-rules.ts'
import { numbers } from './sql-arrays.ts'

/** What is known about a part of the graph: who holds what now, and everything that led there, in the order in which it was taken. */
export interface Evidence {
  identifiers: KnownIdentifier[]
  facts: KnownFact[]
  /** Pairs that must not get into one profile. */
  blocks: (readonly [string, string])[]
  /** The profiles of leaves outside of the part. */
  roots: Map<number, number>
}

export interface KnownIdentifier {
  hash: string
  rule: NamespaceRule
  leaf: number
  generation: number
  /** ms */
  ts: number
  /** Where it was first seen. */
  position: number
  special: Special | undefined
  /** Whose it is, is derived; the others stay as they are. */
  inside: boolean
}

export interface KnownFact {
  seq: number
  position: number
  ts: number
  /** The one that decided first. */
  hashes: string[]
  unbind: boolean
  rule: LinkRule
}

type RuleOf = (namespace: string) => NamespaceRule

/**
 * The evidence about profiles. With them come identifiers that were kept out of them by a conflict and are nobody's, or a profile of
 * their own that consists of nothing else; people outside stay as they are.
 * @param conflictsSince conflicts before this fact are not looked at again
 */
export async function evidenceAbout(tx: Queryable, ids: readonly number[], ruleOf: RuleOf, conflictsSince: number): Promise<Evidence> {
  const leaves = (await Promise.all(ids.map(id => leavesOf(tx, id)))).flat()
  const held = await heldBy(tx, leaves, ruleOf)
  const inside = new Map(held.map(identifier => [identifier.hash, identifier]))
  for (const identifier of await keptOutOf(tx, [...inside.keys()], ruleOf, conflictsSince)) inside.set(identifier.hash, identifier)
  const hashes = [...inside.keys()]
  const edges = await edgesFrom(tx, hashes)
  const outside = await outsidersOf(tx, edges, inside, ruleOf)
  const known = new Map([...inside, ...outside.map(identifier => [identifier.hash, identifier] as const)])
  const conflicts = (await conflictsAmong(tx, hashes)).filter(fact => fact.hashes.every(hash => inside.has(hash)))
  const facts = [...factsOf(edges.filter(edge => known.has(edge.other))), ...conflicts, ...(await unbindsOf(tx, hashes))]
  return {
    identifiers: [...known.values()],
    facts: facts.sort((a, b) => a.seq - b.seq),
    blocks: await blocksOf(tx, hashes),
    roots: await rootsOf(tx, [...known.values()]),
  }
}

/** All evidence that there is: identifiers that never came with another are not part of it. */
export async function allEvidence(tx: Queryable, ruleOf: RuleOf): Promise<Evidence> {
  const edges = await readEdges(tx, 'where not cut', [])
  const conflicts = await readConflicts(tx, '', [])
  const unbinds = await readUnbinds(tx, '', [])
  const facts = [...factsOf(edges), ...conflicts, ...unbinds].sort((a, b) => a.seq - b.seq)
  const hashes = new Set(facts.flatMap(fact => fact.hashes))
  const identifiers = await readIdentifiers(tx, 'i.hash = any($1::bigint[])', [numbers(hashes)], ruleOf, true)
  const blocks = await tx.query<{ a: string; b: string }>('select a::text, b::text from identity_blocks')
  return { identifiers, facts, blocks: blocks.map(({ a, b }) => [a, b] as const), roots: await rootsOf(tx, identifiers) }
}

async function heldBy(tx: Queryable, leaves: readonly number[], ruleOf: RuleOf): Promise<KnownIdentifier[]> {
  return readIdentifiers(tx, 'i.leaf = any($1::bigint[]) and i.leaf > 0', [numbers(leaves)], ruleOf, true)
}

/** Participants of conflicts with these identifiers that would be theirs without it. */
async function keptOutOf(tx: Queryable, hashes: readonly string[], ruleOf: RuleOf, since: number): Promise<KnownIdentifier[]> {
  const participants = new Set((await conflictsAmong(tx, hashes)).filter(({ seq }) => seq >= since).flatMap(fact => fact.hashes))
  for (const hash of hashes) participants.delete(hash)
  const candidates = await readIdentifiers(tx, 'i.hash = any($1::bigint[])', [numbers(participants)], ruleOf, true)
  const kept: KnownIdentifier[] = []
  for (const candidate of candidates) {
    const profile = candidate.leaf === 0 ? [] : await heldBy(tx, await leavesOf(tx, candidate.leaf), ruleOf)
    if (profile.every(({ hash }) => participants.has(hash))) kept.push(candidate)
  }
  return kept
}

interface Edge {
  anchor: string
  other: string
  seq: number
  position: number
  ts: number
  rule: LinkRule
}

function edgesFrom(tx: Queryable, hashes: readonly string[]): Promise<Edge[]> {
  return readEdges(tx, 'where anchor = any($1::bigint[]) and not cut', [numbers(hashes)])
}

function readEdges(tx: Queryable, where: string, values: unknown[]): Promise<Edge[]> {
  return tx.query<Edge>(
    `select anchor::text, other::text, seq, position, date_part('epoch', ts) * 1000 as ts, rule from identity_edges ${where} order by seq, other`,
    values,
  )
}

/** People outside that weak and shareable identifiers of the part were seen with: they are why those are shared. */
async function outsidersOf(
  tx: Queryable,
  edges: readonly Edge[],
  inside: Map<string, KnownIdentifier>,
  ruleOf: RuleOf,
): Promise<KnownIdentifier[]> {
  const hashes = edges.filter(({ anchor, other }) => !inside.has(other) && inside.get(anchor)?.rule.shareable).map(({ other }) => other)
  const met = await readIdentifiers(tx, 'i.hash = any($1::bigint[])', [numbers(new Set(hashes))], ruleOf, false)
  return met.filter(({ leaf, rule }) => leaf > 0 && rule.linkClass === 'strong')
}

/** Edges of one event are one fact again. */
function factsOf(edges: readonly Edge[]): KnownFact[] {
  const facts = new Map<string, KnownFact>()
  for (const { anchor, other, seq, position, ts, rule } of edges) {
    const key = `${seq} ${anchor}`
    const known = facts.get(key)
    if (known) known.hashes.push(other)
    else facts.set(key, { seq, position, ts, hashes: [anchor, other], unbind: false, rule })
  }
  return [...facts.values()]
}

function conflictsAmong(tx: Queryable, hashes: readonly string[]): Promise<KnownFact[]> {
  return readConflicts(tx, 'where hashes && $1::bigint[]', [numbers(hashes)])
}

async function readConflicts(tx: Queryable, where: string, values: unknown[]): Promise<KnownFact[]> {
  const rows = await tx.query<{ seq: number; position: number; ts: number; target: string; subject: string; hashes: string }>(
    `select seq, position, date_part('epoch', ts) * 1000 as ts, target::text, subject::text, array_to_string(hashes, ' ') as hashes
     from identity_conflicts ${where}`,
    values,
  )
  return rows.map(({ seq, position, ts, target, subject, hashes }) => ({
    seq,
    position,
    ts,
    hashes: [...new Set([target, subject, ...hashes.split(' ')])],
    unbind: false,
    rule: 'together' as const,
  }))
}

function unbindsOf(tx: Queryable, hashes: readonly string[]): Promise<KnownFact[]> {
  return readUnbinds(tx, 'where hash = any($1::bigint[])', [numbers(hashes)])
}

async function readUnbinds(tx: Queryable, where: string, values: unknown[]): Promise<KnownFact[]> {
  const rows = await tx.query<{ seq: number; position: number; ts: number; hashes: string }>(
    `select seq, min(position) as position, min(date_part('epoch', ts)) * 1000 as ts, string_agg(hash::text, ' ') as hashes
     from identity_unbinds ${where} group by seq`,
    values,
  )
  return rows.map(({ seq, position, ts, hashes }) => ({
    seq,
    position,
    ts,
    hashes: hashes.split(' '),
    unbind: true,
    rule: 'together' as const,
  }))
}

async function blocksOf(tx: Queryable, hashes: readonly string[]): Promise<(readonly [string, string])[]> {
  const rows = await tx.query<{ a: string; b: string }>('select a::text, b::text from identity_blocks where a = any($1::bigint[])', [
    numbers(hashes),
  ])
  return rows.map(({ a, b }) => [a, b] as const)
}

async function readIdentifiers(
  tx: Queryable,
  where: string,
  values: unknown[],
  ruleOf: RuleOf,
  inside: boolean,
): Promise<KnownIdentifier[]> {
  const rows = await tx.query<StoredIdentifier>(
    `select i.hash::text, i.namespace, i.leaf, i.generation, date_part('epoch', i.ts) * 1000 as ts, i.position, i.special,
       coalesce(s.own, 0) as own, array_to_string(s.sharers, ' ') as sharers, coalesce(s.shared_since, 0) as "sharedSince",
       coalesce(s.blocked, 'no') as blocked, coalesce(s.blocked_seq, 0) as "blockedSeq", coalesce(s.cleared, false) as cleared,
       array_to_string(s.disputed, ' ') as disputed
     from identifiers i left join special_identifiers s on s.hash = i.hash where ${where}`,
    values,
  )
  return rows.map(row => ({
    hash: row.hash,
    rule: ruleOf(row.namespace),
    leaf: row.leaf,
    generation: row.generation,
    ts: row.ts,
    position: row.position,
    special: row.special ? specialIn(row) : undefined,
    inside,
  }))
}

interface StoredIdentifier extends Omit<Special, 'sharers' | 'disputed'> {
  hash: string
  namespace: string
  leaf: number
  generation: number
  ts: number
  position: number
  special: boolean
  sharers: string | null
  disputed: string | null
}

function specialIn({ own, sharers, sharedSince, blocked, blockedSeq, cleared, disputed }: StoredIdentifier): Special {
  const words = (text: string | null) => (text ? text.split(' ') : [])
  return { own, sharers: words(sharers).map(Number), sharedSince, blocked, blockedSeq, cleared, disputed: words(disputed) }
}

async function rootsOf(tx: Queryable, identifiers: readonly KnownIdentifier[]): Promise<Map<number, number>> {
  const leaves = new Set(identifiers.flatMap(({ leaf, special }) => [leaf, special?.own ?? 0, ...(special?.sharers ?? [])]))
  const rows = await tx.query<{ leaf: number; root: number }>('select leaf, root from leaves where leaf = any($1::bigint[])', [
    numbers(leaves),
  ])
  return new Map(rows.map(({ leaf, root }) => [leaf, root]))
}
