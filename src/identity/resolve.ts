import type { Rejection } from '../collect/event.ts'
import { type Position, partitionOf } from '../log/position.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import { numbers } from '../store/sql-arrays.ts'
import { type BatchFact, type IdentityFact, Slots } from './batch.ts'
import { decide, type Outcome } from './decide.ts'
import { Familiar } from './familiar.ts'
import { answeringLeaf, type Graph, identifierOf, rootOf } from './graph.ts'
import { type Head, Loader, lockHead } from './load.ts'
import { type NamespaceCache, namespaceCache, type StoredNamespaceRules } from './namespace-cache.ts'
import { type Fault, type Reader, readerOf, type Usable } from './normalise.ts'
import { save } from './save.ts'

/** Whose an event is, or why it cannot be anybody's. `identifiers` is JSON text of UInt64 in decimal; the first one chose the leaf. */
export type ResolvedFact = { leaf: number; identifiers: string } | { refused: Rejection }

export interface Resolution {
  /** Per fact, in their order. */
  facts: ResolvedFact[]
  /** Leaves that are another profile's now. */
  changedRoots: { leaf: number; root: number }[]
  created: number
  merged: number
  conflicts: number
}

export interface Identity {
  /** Whose each fact is, and what it teaches about who is who. Within the caller's transaction; facts in the order of their positions. */
  resolve(tx: Queryable, facts: readonly IdentityFact[]): Promise<Resolution>
}

/** So many facts are read while the store looks up those before; the first are few, so that it can begin soon. */
const chunks = { first: 400, next: 2_000 } as const

export function identityWith(keys: Keys, namespaces: NamespaceCache = namespaceCache()): Identity {
  const familiar = new Familiar()
  let reading: { rules: StoredNamespaceRules; read: Reader } | undefined

  return {
    async resolve(tx, facts) {
      if (facts.length === 0) return { facts: [], changedRoots: [], created: 0, merged: 0, conflicts: 0 }
      const head = await lockHead(tx)
      const rules = await namespaces.rules(tx, head.namespacesVersion)
      if (reading?.rules !== rules) reading = { rules, read: readerOf(rules, keys) }
      const read = reading.read
      familiar.begin(head)
      const answers = facts.map(fact => familiar.find(fact))
      const unfamiliar = facts.filter((_, index) => !answers[index])
      const resolution = await resolveUnfamiliar(tx, head, rules, read, unfamiliar)
      await saveProgress(tx, facts)
      let next = 0
      return { ...resolution, facts: answers.map(answer => answer ?? resolvedAt(resolution.facts, next++)) }
    },
  }

  async function resolveUnfamiliar(
    tx: Queryable,
    head: Head,
    rules: StoredNamespaceRules,
    read: Reader,
    facts: readonly IdentityFact[],
  ): Promise<Resolution> {
    if (facts.length === 0) return { facts: [], changedRoots: [], created: 0, merged: 0, conflicts: 0 }
    const progress = await progressOf(tx, facts)
    const slots = new Slots(read)
    const loader = new Loader(tx, head, name => rules.ofStored(name))
    const batch: BatchFact[] = []
    while (batch.length < facts.length) {
      const size = batch.length === 0 ? chunks.first : chunks.next
      for (const fact of facts.slice(batch.length, batch.length + size)) batch.push(slots.take(fact))
      await loader.lookUp(slots.wanted)
    }
    const loaded = await loader.graphFor(batch)
    const isNew = (fact: { position: Position }) => fact.position > (progress.get(partitionOf(fact.position)) ?? -1)
    const taken = batch.filter(isNew).map(fact => withoutCollisions(fact, loaded.collided))
    const outcome = decide(loaded.graph, taken)
    const fresh = (slot: number) => {
      const { rest, value, rule } = usableAt(slots.wanted, slot)
      return { rest, sealed: keys.seal(value, `identifier:${rule.name}`) }
    }
    await save(tx, { head, facts: taken, outcome, loaded, fresh })
    const former = await formerLeaves(
      tx,
      slots.wanted,
      batch.filter(fact => !isNew(fact)),
    )
    const resolution = resolutionOf(slots.wanted, batch, outcome, loaded.graph, fact =>
      isNew(fact) ? undefined : leafOf(loaded.graph, fact.slots, former),
    )
    if (isUnsettling(outcome)) familiar.forget()
    else if (taken.length === batch.length) rememberFamiliar(familiar, facts, batch, resolution, outcome, loaded.graph)
    familiar.end(head)
    return resolution
  }
}

/** Something happened that can change what identifiers seen before come to. */
function isUnsettling({ shared, unbound, suspicious, conflicts }: Outcome): boolean {
  return shared.length + unbound.length + suspicious.length + conflicts.length > 0
}

/** Sets that taught nothing: all of their identifiers link one person, and this batch changed none of them. */
function rememberFamiliar(
  familiar: Familiar,
  facts: readonly IdentityFact[],
  batch: readonly BatchFact[],
  resolution: Resolution,
  outcome: Outcome,
  graph: Graph,
): void {
  const linkedBy = new Set(outcome.links.map(({ fact }) => fact))
  for (const [index, { slots, fault, ts }] of batch.entries()) {
    const fact = facts[index]
    const resolved = resolution.facts[index]
    if (!fact || !resolved || 'refused' in resolved || fault !== undefined || linkedBy.has(index)) continue
    if (slots.some(slot => outcome.changed.has(slot) || !isPlain(graph, slot, resolved.leaf))) continue
    familiar.add(fact, { ...resolved, ts })
  }
}

/** It links, is neither shared nor blocked nor disputed, and belongs to the person of this leaf. */
function isPlain(graph: Graph, slot: number, leaf: number): boolean {
  const identifier = identifierOf(graph, slot)
  return identifier.special === undefined && identifier.leaf > 0 && rootOf(graph, identifier.leaf) === rootOf(graph, leaf)
}

function resolvedAt(facts: readonly ResolvedFact[], index: number): ResolvedFact {
  const found = facts[index]
  if (!found) throw new Error('every unfamiliar fact is resolved')
  return found
}

function withoutCollisions(fact: BatchFact, collided: ReadonlySet<number>): BatchFact {
  return collided.size === 0 ? fact : { ...fact, slots: fact.slots.filter(slot => !collided.has(slot)) }
}

function usableAt(wanted: readonly Usable[], slot: number): Usable {
  const found = wanted[slot]
  if (!found) throw new Error('new identifiers are those of the batch')
  return found
}

async function progressOf(tx: Queryable, facts: readonly IdentityFact[]): Promise<Map<number, Position>> {
  const partitions = new Set(facts.map(({ position }) => partitionOf(position)))
  const rows = await tx.query<{ partition: number; position: number }>(
    'select partition, position from identity_progress where partition = any($1::int[])',
    [numbers(partitions)],
  )
  return new Map(rows.map(({ partition, position }) => [partition, position]))
}

async function saveProgress(tx: Queryable, facts: readonly IdentityFact[]): Promise<void> {
  const last = new Map<number, Position>()
  for (const { position } of facts) last.set(partitionOf(position), position)
  await tx.query(
    `insert into identity_progress (partition, position) select * from unnest($1::int[], $2::bigint[])
     on conflict (partition) do update set position = greatest(identity_progress.position, excluded.position)`,
    [numbers(last.keys()), numbers(last.values())],
  )
}

/** @param takenBefore the leaf of a fact that was taken before, undefined for those that are new */
function resolutionOf(
  wanted: readonly Usable[],
  facts: readonly BatchFact[],
  outcome: Outcome,
  graph: Graph,
  takenBefore: (fact: BatchFact) => number | undefined,
): Resolution {
  let taken = 0
  const resolved = facts.map((fact): ResolvedFact => {
    const before = takenBefore(fact)
    const leaf = before ?? outcome.leaves[taken] ?? 0
    const deciding = before === undefined ? (outcome.deciding[taken] ?? -1) : (fact.slots[0] ?? -1)
    if (before === undefined) taken += 1
    if (leaf === 0) return { refused: refusalOf(fact.fault) }
    const ordered = fact.slots[0] === deciding ? fact.slots : [deciding, ...fact.slots.filter(slot => slot !== deciding)]
    return { leaf, identifiers: `[${ordered.map(slot => `"${wanted[slot]?.unsigned}"`).join()}]` }
  })
  return {
    facts: resolved,
    changedRoots: [...outcome.moved].map(leaf => ({ leaf, root: rootOf(graph, leaf) })),
    created: outcome.created.length,
    merged: outcome.merges.length,
    conflicts: outcome.conflicts.length,
  }
}

/** Of a fact that was taken before. */
function leafOf(graph: Graph, slots: readonly number[], former: ReadonlyMap<string, number>): number {
  const identifiers = slots.map(slot => identifierOf(graph, slot))
  const linked = identifiers.find(identifier => identifier.leaf > 0 && answeringLeaf(graph, identifier) === identifier.leaf)
  if (linked) return linked.leaf
  return identifiers.map(identifier => answeringLeaf(graph, identifier) || (former.get(identifier.hash) ?? 0)).find(leaf => leaf > 0) ?? 0
}

/** Whose the identifiers of these facts were before they were taken off. */
async function formerLeaves(tx: Queryable, wanted: readonly Usable[], facts: readonly BatchFact[]): Promise<Map<string, number>> {
  if (facts.length === 0) return new Map()
  const hashes = facts.flatMap(({ slots }) => slots.map(slot => usableAt(wanted, slot).hash))
  const rows = await tx.query<{ hash: string; leaf: number }>(
    'select distinct on (hash) hash::text, leaf from identity_unbinds where hash = any($1::bigint[]) order by hash, seq desc',
    [numbers(hashes)],
  )
  return new Map(rows.map(({ hash, leaf }) => [hash, leaf]))
}

const sentences: Record<Fault | 'missing', string> = {
  missing: 'carries no identifier; send at least one, such as userId or anonymousId',
  namespace: 'the type of its identifier is no name; use letters, digits and underscores, and a scope after a colon',
  'too-long': 'its identifier is longer than 512 bytes; send the identifier itself',
  empty: 'its identifier is empty; send at least one that is not',
  invalid: 'its identifier is none of its kind; check the format, such as that of a phone number',
  blocked: 'its identifier is a placeholder such as null or 0, which is nobody; leave it out and send one that is somebody',
}

function refusalOf(fault: Fault | 'missing' | undefined): Rejection {
  const reason = fault ?? 'missing'
  return { code: `identifier-${reason}`, path: 'identifiers', message: sentences[reason] }
}
