import type { Identifier, IdentityOperation, Rejection } from '../collect/event.ts'
import { type Position, partitionOf } from '../log/position.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import { decide, type LinkRule, type Outcome } from './decide.ts'
import { answeringLeaf, type Graph, identifierOf, rootOf } from './graph.ts'
import { type Loaded, loadGraph, lockHead, type Wanted } from './load.ts'
import { type NamespaceCache, namespaceCache } from './namespace-cache.ts'
import { type Fault, type Reader, readerOf, type Usable } from './normalise.ts'
import { save } from './save.ts'
import { bigints } from './sql-arrays.ts'

/** Identifiers that came together in one event. */
export interface IdentityFact {
  position: Position
  ts: number
  source: string
  identifiers: readonly Identifier[]
  operation?: IdentityOperation | undefined
}

/** Whose an event is, or why it cannot be anybody's. */
export type ResolvedFact = { leaf: number; identifiers: string } | { refused: Rejection }

export interface Resolution {
  /** Per fact, in their order. `identifiers` is JSON text of UInt64 in decimal; the first one chose the leaf. */
  facts: ResolvedFact[]
  /** Leaves whose root is new to the mirror: merged ones. */
  changedRoots: { leaf: number; root: number }[]
  created: number
  merged: number
  conflicts: number
}

export interface Identity {
  /** Whose each fact is, and what it teaches about who is who. Within the caller's transaction; facts in the order of their positions. */
  resolve(tx: Queryable, facts: readonly IdentityFact[]): Promise<Resolution>
}

export function identityWith(keys: Keys, namespaces: NamespaceCache = namespaceCache()): Identity {
  return {
    async resolve(tx, facts) {
      const head = await lockHead(tx)
      const rules = await namespaces.rules(tx, head.namespacesVersion)
      const batch = slotsOf(facts, readerOf(rules, keys))
      const progress = await progressOf(tx, facts)
      const loaded = await loadGraph(tx, head, batch.wanted, batch.facts, namespace => rules.ofStored(namespace))
      const isNew = (fact: { position: Position }) => fact.position > (progress.get(partitionOf(fact.position)) ?? -1)
      const taken = batch.facts.filter(isNew).map(fact => withoutCollisions(fact, loaded))
      const outcome = decide(loaded.graph, taken)
      await save(tx, {
        head,
        facts: taken,
        outcome,
        loaded,
        fresh: slot => {
          const { rest, value, rule } = wantedAt(batch.wanted, slot)
          return { rest, sealed: keys.seal(value, `identifier:${rule.name}`) }
        },
      })
      await saveProgress(tx, facts)
      return resolutionOf(batch, outcome, loaded.graph, isNew)
    },
  }
}

interface BatchFact {
  position: Position
  ts: number
  source: string
  slots: number[]
  unbind: boolean
  rule: LinkRule
  fault: Fault | 'missing' | undefined
}

/** Gives each distinct identifier of the batch a number, and each fact its identifiers by number, strongest first. */
function slotsOf(facts: readonly IdentityFact[], read: Reader): { wanted: (Wanted & Usable)[]; facts: BatchFact[] } {
  const wanted: Usable[] = []
  const slotOf = new Map<Usable, number>()
  const byHash = new Map<string, number>()
  const slot = (usable: Usable) => {
    const known = slotOf.get(usable) ?? byHash.get(usable.hash)
    if (known !== undefined) return known
    const next = wanted.length
    slotOf.set(usable, next)
    byHash.set(usable.hash, next)
    wanted.push(usable)
    return next
  }
  const batch = facts.map(({ position, ts, source, identifiers, operation }): BatchFact => {
    const alias = operation?.kind === 'alias'
    const { usable, fault } = usableOf(alias ? [...identifiers, operation.previous] : identifiers, read)
    const slots = [...new Set(usable.map(slot))]
    return { position, ts, source, slots, unbind: operation?.kind === 'unbind', rule: alias ? 'alias' : 'together', fault }
  })
  return { wanted, facts: batch }
}

/** An event needs few identifiers; the rest of a flood of them is not looked at. */
const identifiersPerFact = 100

function usableOf(identifiers: readonly Identifier[], read: Reader): { usable: Usable[]; fault: Fault | 'missing' | undefined } {
  const usable: Usable[] = []
  let fault: Fault | 'missing' | undefined = identifiers.length === 0 ? 'missing' : undefined
  let sorted = true
  for (const identifier of identifiers.length > identifiersPerFact ? identifiers.slice(0, identifiersPerFact) : identifiers) {
    const result = read(identifier)
    if (typeof result === 'string') fault ??= result
    else {
      if (sorted && usable.length > 0 && (usable.at(-1)?.rule.rank ?? 0) > result.rule.rank) sorted = false
      usable.push(result)
    }
  }
  if (!sorted) usable.sort((a, b) => a.rule.rank - b.rule.rank)
  return { usable, fault }
}

function withoutCollisions<F extends { slots: number[] }>(fact: F, { collided }: Loaded): F {
  return collided.size === 0 ? fact : { ...fact, slots: fact.slots.filter(slot => !collided.has(slot)) }
}

function wantedAt(wanted: readonly (Wanted & Usable)[], slot: number): Wanted & Usable {
  const found = wanted[slot]
  if (!found) throw new Error('new identifiers are those of the batch')
  return found
}

async function progressOf(tx: Queryable, facts: readonly IdentityFact[]): Promise<Map<number, Position>> {
  const partitions = new Set(facts.map(({ position }) => partitionOf(position)))
  const rows = await tx.query<{ partition: number; position: number }>(
    'select partition, position from identity_progress where partition = any($1::int[])',
    [bigints(partitions)],
  )
  return new Map(rows.map(({ partition, position }) => [partition, Number(position)]))
}

async function saveProgress(tx: Queryable, facts: readonly IdentityFact[]): Promise<void> {
  const last = new Map<number, Position>()
  for (const { position } of facts) last.set(partitionOf(position), position)
  await tx.query(
    `insert into identity_progress (partition, position) select * from unnest($1::int[], $2::bigint[])
     on conflict (partition) do update set position = greatest(identity_progress.position, excluded.position)`,
    [bigints(last.keys()), bigints(last.values())],
  )
}

function resolutionOf(
  { wanted, facts }: { wanted: Usable[]; facts: BatchFact[] },
  outcome: Outcome,
  graph: Graph,
  isNew: (fact: BatchFact) => boolean,
): Resolution {
  let taken = -1
  const resolved = facts.map((fact): ResolvedFact => {
    const isTaken = isNew(fact)
    if (isTaken) taken += 1
    const leaf = isTaken ? (outcome.leaves[taken] ?? 0) : leafOf(graph, fact.slots)
    if (leaf === 0) return { refused: refusalOf(fact.fault) }
    const deciding = isTaken ? (outcome.deciding[taken] ?? -1) : (fact.slots[0] ?? -1)
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

/** Of facts that were taken before. */
function leafOf(graph: Graph, slots: readonly number[]): number {
  const answers = slots.map(slot => identifierOf(graph, slot))
  const linked = answers.find(identifier => answeringLeaf(graph, identifier) === identifier.leaf && identifier.leaf > 0)
  const [first] = answers
  return linked?.leaf ?? (first ? answeringLeaf(graph, first) : 0)
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
