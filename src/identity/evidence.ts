import type { Queryable } from '../store/postgres.ts'
import { numbers } from '../store/sql-arrays.ts'
import type { LinkRule, SlotFact } from './decide.ts'
import { leavesOf } from './find.ts'
import type { Special } from './graph.ts'
import type { NamespaceRule } from './namespace-rules.ts'

/** What is known about a part of the graph: who holds what now, and everything that led there, in the order in which it was taken. */
export interface Evidence {
  identifiers: KnownIdentifier[]
  facts: KnownFact[]
  /** Pairs that must not get into one profile. */
  blocks: (readonly [string, string])[]
  /** The profiles of all leaves that are named. */
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
}

/** As `SlotFact`, with hashes; of equally strong ones, the one that decided comes first. */
export interface KnownFact extends Omit<SlotFact, 'slots'> {
  seq: number
  hashes: string[]
  /** Of identifiers that are taken off: where each was. */
  leaves?: number[]
}

type RuleOf = (namespace: string) => NamespaceRule

/** A part that grows beyond this is looked at without those it met: a kiosk knows half a town. */
const mostIdentifiers = 2_000
const mostOutsiders = 200

/**
 * The evidence about a profile, and about those that came with it since but did not link: without what is to be undone they might have.
 * What happened before, and with people outside, happened as it did.
 * @param since the fact from which on things would have gone differently
 */
export async function evidenceAbout(tx: Queryable, profile: number, ruleOf: RuleOf, since: number): Promise<Evidence> {
  const inside = new Map<string, KnownIdentifier>()
  let joining = await heldBy(tx, await leavesOf(tx, profile), ruleOf)
  while (joining.length > 0 && inside.size + joining.length <= mostIdentifiers) {
    for (const identifier of joining) inside.set(identifier.hash, identifier)
    joining = await bystandersOf(tx, inside, ruleOf, since)
  }
  const hashes = [...inside.keys()]
  const edges = await readEdges(tx, 'where anchor = any($1::bigint[]) and not cut', [numbers(hashes)])
  const conflicts = await conflictsAmong(tx, hashes)
  const outside = await outsidersOf(tx, [...metBy(edges, inside), ...conflicts.map(({ target }) => target)], inside, ruleOf)
  const facts = [
    ...edgeFacts(edges, inside, outside, since),
    ...conflictFacts(conflicts, inside, outside, since),
    ...(await unbindsOf(tx, hashes)),
  ]
  const identifiers = [...inside.values()]
  return {
    identifiers,
    facts: facts.sort((a, b) => a.seq - b.seq),
    blocks: await blocksOf(tx, hashes),
    roots: await rootsOf(tx, identifiers, outside.values()),
  }
}

/** Who came with these since and was kept apart, with everything that is theirs. */
async function bystandersOf(
  tx: Queryable,
  inside: ReadonlyMap<string, KnownIdentifier>,
  ruleOf: RuleOf,
  since: number,
): Promise<KnownIdentifier[]> {
  const hashes = [...inside.values()].filter(({ rule }) => rule.linkClass !== 'none').map(({ hash }) => hash)
  const conflicts = (await conflictsAmong(tx, hashes)).filter(({ seq }) => seq >= since)
  const unlinked = await readEdges(tx, 'where anchor = any($1::bigint[]) and seq >= $2 and not linked and not cut', [
    numbers(hashes),
    since,
  ])
  const met = new Set([...conflicts.flatMap(fact => fact.hashes), ...unlinked.map(({ other }) => other)])
  for (const hash of inside.keys()) met.delete(hash)
  const people = await readIdentifiers(tx, 'i.hash = any($1::bigint[])', [numbers(met)], ruleOf)
  const leaves = new Set<number>()
  for (const { leaf } of people) if (leaf > 0 && !leaves.has(leaf)) for (const one of await leavesOf(tx, leaf)) leaves.add(one)
  const theirs = await heldBy(tx, [...leaves], ruleOf)
  return [...people.filter(({ leaf }) => leaf === 0), ...theirs].filter(({ hash }) => !inside.has(hash))
}

/** All evidence that there is: identifiers that never came with another are not part of it. */
export async function allEvidence(tx: Queryable, ruleOf: RuleOf): Promise<Evidence> {
  const edges = await readEdges(tx, 'where not cut and not reversed', [])
  const conflicts = await readConflicts(tx, '', [])
  const unbinds = await readUnbinds(tx, '', [])
  const hashes = new Set([
    ...edges.flatMap(({ anchor, other }) => [anchor, other]),
    ...[...conflicts, ...unbinds].flatMap(fact => fact.hashes),
  ])
  const identifiers = await readIdentifiers(tx, 'i.hash = any($1::bigint[])', [numbers(hashes)], ruleOf)
  const inside = new Map(identifiers.map(identifier => [identifier.hash, identifier]))
  const facts = [...edgeFacts(edges, inside, new Map(), 0), ...conflictFacts(conflicts, inside, new Map(), 0), ...unbinds]
  const blocks = await tx.query<{ a: string; b: string }>('select a::text, b::text from identity_blocks')
  return {
    identifiers,
    facts: facts.sort((a, b) => a.seq - b.seq),
    blocks: blocks.map(({ a, b }) => [a, b] as const),
    roots: await rootsOf(tx, identifiers, []),
  }
}

async function heldBy(tx: Queryable, leaves: readonly number[], ruleOf: RuleOf): Promise<KnownIdentifier[]> {
  return readIdentifiers(tx, 'i.leaf = any($1::bigint[]) and i.leaf > 0', [numbers(leaves)], ruleOf)
}

interface Edge {
  anchor: string
  other: string
  linked: boolean
  reversed: boolean
  seq: number
  position: number
  ts: number
  rule: LinkRule
}

function readEdges(tx: Queryable, where: string, values: unknown[]): Promise<Edge[]> {
  return tx.query<Edge>(
    `select anchor::text, other::text, seq, position, date_part('epoch', ts) * 1000 as ts, rule, linked, reversed from identity_edges ${where} order by seq, place, other`,
    values,
  )
}

/** Whom weak and shareable identifiers of the part were seen with: they are why those are shared. */
function metBy(edges: readonly Edge[], inside: ReadonlyMap<string, KnownIdentifier>): string[] {
  return edges.filter(({ anchor }) => inside.get(anchor)?.rule.shareable).map(({ other }) => other)
}

/** People outside of the part among these: their leaves. The first are enough to know that something is shared. */
async function outsidersOf(
  tx: Queryable,
  hashes: readonly string[],
  inside: ReadonlyMap<string, KnownIdentifier>,
  ruleOf: RuleOf,
): Promise<Map<string, number>> {
  const outside = [...new Set(hashes.filter(hash => !inside.has(hash)))].slice(0, mostOutsiders)
  const met = await readIdentifiers(tx, 'i.hash = any($1::bigint[])', [numbers(outside)], ruleOf)
  return new Map(met.filter(({ leaf, rule }) => leaf > 0 && rule.linkClass === 'strong').map(({ hash, leaf }) => [hash, leaf]))
}

/** Edges of one event are one fact again, except for those that are known not to have linked. */
function edgeFacts(
  edges: readonly Edge[],
  inside: ReadonlyMap<string, KnownIdentifier>,
  outside: ReadonlyMap<string, number>,
  since: number,
): KnownFact[] {
  const together = new Map<string, KnownFact>()
  const apart: KnownFact[] = []
  for (const { anchor, other, linked, reversed, seq, position, ts, rule } of edges) {
    const fact = { seq, position, ts, rule }
    const of = outside.get(other)
    if (!inside.has(other)) {
      if (of !== undefined) apart.push({ ...fact, what: 'apart', hashes: [anchor], of })
    } else if (reversed) continue
    else if (!linked && seq < since) apart.push({ ...fact, what: 'apart', hashes: [anchor, other] })
    else {
      const known = together.get(`${seq} ${anchor}`)
      if (known) known.hashes.push(other)
      else together.set(`${seq} ${anchor}`, { ...fact, what: 'together', hashes: [anchor, other] })
    }
  }
  return [...together.values(), ...apart]
}

/** Conflicts are decided anew where everybody is there and something may be different; otherwise they were what they were. */
function conflictFacts(
  conflicts: readonly KnownConflict[],
  inside: ReadonlyMap<string, KnownIdentifier>,
  outside: ReadonlyMap<string, number>,
  since: number,
): KnownFact[] {
  return conflicts.flatMap(({ target, ...fact }): KnownFact[] => {
    const hashes = fact.hashes.filter(hash => inside.has(hash))
    if (hashes.length === fact.hashes.length && fact.seq >= since) return [{ ...fact, what: 'together' }]
    if (inside.has(target)) return [{ ...fact, hashes, what: 'conflict' }]
    const of = outside.get(target)
    const weak = hashes.filter(hash => inside.get(hash)?.rule.linkClass === 'weak')
    return of === undefined || weak.length === 0 ? [] : [{ ...fact, hashes: weak, what: 'apart', of }]
  })
}

interface KnownConflict extends Omit<KnownFact, 'what'> {
  target: string
}

function conflictsAmong(tx: Queryable, hashes: readonly string[]): Promise<KnownConflict[]> {
  return readConflicts(tx, 'where hashes && $1::bigint[]', [numbers(hashes)])
}

async function readConflicts(tx: Queryable, where: string, values: unknown[]): Promise<KnownConflict[]> {
  const rows = await tx.query<{
    seq: number
    position: number
    ts: number
    target: string
    subject: string
    hashes: string
  }>(
    `select seq, position, date_part('epoch', ts) * 1000 as ts, target::text, subject::text, array_to_string(hashes, ' ') as hashes
     from identity_conflicts ${where}`,
    values,
  )
  return rows.map(({ seq, position, ts, target, subject, hashes }) => ({
    seq,
    position,
    ts,
    hashes: [...new Set([target, subject, ...hashes.split(' ')])],
    target,
    rule: 'together' as const,
  }))
}

function unbindsOf(tx: Queryable, hashes: readonly string[]): Promise<KnownFact[]> {
  return readUnbinds(tx, 'where hash = any($1::bigint[])', [numbers(hashes)])
}

async function readUnbinds(tx: Queryable, where: string, values: unknown[]): Promise<KnownFact[]> {
  const rows = await tx.query<{ seq: number; position: number; ts: number; hashes: string; leaves: string }>(
    `select seq, min(position) as position, min(date_part('epoch', ts)) * 1000 as ts, string_agg(hash::text, ' ' order by hash) as hashes,
       string_agg(leaf::text, ' ' order by hash) as leaves
     from identity_unbinds ${where} group by seq`,
    values,
  )
  return rows.map(({ seq, position, ts, hashes, leaves }) => ({
    seq,
    position,
    ts,
    hashes: hashes.split(' '),
    leaves: leaves.split(' ').map(Number),
    what: 'unbind' as const,
    rule: 'together' as const,
  }))
}

async function blocksOf(tx: Queryable, hashes: readonly string[]): Promise<(readonly [string, string])[]> {
  const rows = await tx.query<{ a: string; b: string }>('select a::text, b::text from identity_blocks where a = any($1::bigint[])', [
    numbers(hashes),
  ])
  return rows.map(({ a, b }) => [a, b] as const)
}

async function readIdentifiers(tx: Queryable, where: string, values: unknown[], ruleOf: RuleOf): Promise<KnownIdentifier[]> {
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

async function rootsOf(tx: Queryable, identifiers: readonly KnownIdentifier[], others: Iterable<number>): Promise<Map<number, number>> {
  const named = identifiers.flatMap(({ leaf, special }) => [leaf, special?.own ?? 0, ...(special?.sharers ?? [])])
  const rows = await tx.query<{ leaf: number; root: number }>('select leaf, root from leaves where leaf = any($1::bigint[])', [
    numbers(new Set([...named, ...others])),
  ])
  return new Map(rows.map(({ leaf, root }) => [leaf, root]))
}
