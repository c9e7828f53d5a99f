import { decide, type Outcome, type SlotFact } from './decide.ts'
import type { Evidence, KnownFact, KnownIdentifier } from './evidence.ts'
import { type Graph, identifierOf, rootOf, type Special, specialOf } from './graph.ts'
import { newLeafMap } from './leaf-map.ts'

/** Who is who according to the evidence alone. */
export interface Derivation {
  graph: Graph
  /** The profiles of leaves before. */
  rootsBefore: ReadonlyMap<number, number>
  /** Leaves that identifiers were taken off: the derivation's number, and the leaf that it stands for. */
  former: ReadonlyMap<number, number>
  /** In the order of the evidence's identifiers. */
  derived: Derived[]
}

export interface Derived {
  /** Where it belongs now. */
  known: KnownIdentifier
  /** In the derivation's own numbers, which begin at `firstNewLeaf`. 0: nobody's. */
  leaf: number
  root: number
  ts: number
  special: Special | undefined
}

/**
 * Takes the evidence anew, in the order in which it came, under the present configuration.
 * @param firstNewLeaf above every leaf that is in use
 * @param relearn values are blocked as the evidence says; otherwise those that are blocked now are blocked from when they were
 */
export function derive(evidence: Evidence, firstNewLeaf: number, relearn: boolean): Derivation {
  const slots = new Map(evidence.identifiers.map(({ hash }, slot) => [hash, slot]))
  const graph = startingGraph(evidence, slots, firstNewLeaf, relearn)
  const rank = (slot: number) => identifierOf(graph, slot).rule.rank
  const former = new Map<number, number>()
  const slotFact = ({ hashes, seq: _, leaves: __, ...fact }: KnownFact): SlotFact => {
    const present = [...new Set(hashes.flatMap(hash => slots.get(hash) ?? []))]
    return { ...fact, slots: fact.what === 'apart' ? present : present.sort((a, b) => rank(a) - rank(b)) }
  }
  const take = (facts: readonly KnownFact[]) => {
    const complete = facts.flatMap(fact => [...standing(fact), fact])
    const outcome = decide(graph, complete.map(slotFact))
    noteFormer(former, graph, outcome, complete)
    if (relearn) dateBlocks(graph, outcome, complete)
  }
  let taken = 0
  for (const { slot, seq } of relearn ? [] : blockings(evidence)) {
    const next = evidence.facts.findIndex((fact, index) => index >= taken && fact.seq > seq)
    const until = next < 0 ? evidence.facts.length : next
    take(evidence.facts.slice(taken, until))
    taken = until
    specialOf(identifierOf(graph, slot)).blocked = evidence.identifiers[slot]?.special?.blocked ?? 'no'
  }
  take(evidence.facts.slice(taken))
  standAlone(evidence, graph)
  return { graph, rootsBefore: evidence.roots, former, derived: evidence.identifiers.map((known, slot) => derivedOf(graph, known, slot)) }
}

/** What is taken off was somebody's, if only its own: messages with a single identifier are no evidence and are made up for here. */
function standing(fact: KnownFact): KnownFact[] {
  return fact.what === 'unbind' ? fact.hashes.map(hash => ({ ...fact, hashes: [hash], what: 'together' as const })) : []
}

function startingGraph(evidence: Evidence, slots: Map<string, number>, firstNewLeaf: number, relearn: boolean): Graph {
  const graph: Graph = {
    nextLeaf: firstNewLeaf,
    seq: 0,
    identifiers: evidence.identifiers.map(known => ({
      hash: known.hash,
      rule: known.rule,
      leaf: 0,
      ts: known.ts,
      generation: 0,
      anchor: '0',
      special: startingSpecial(known, relearn),
    })),
    rootOf: newLeafMap(firstNewLeaf),
    profiles: newLeafMap(firstNewLeaf),
    blocks: new Map(),
  }
  for (const [leaf, root] of evidence.roots) graph.rootOf.set(leaf, root)
  for (const [a, b] of evidence.blocks) {
    const [left, right] = [slots.get(a), slots.get(b)]
    if (left !== undefined && right !== undefined) graph.blocks.set(left, [...(graph.blocks.get(left) ?? []), right])
  }
  return graph
}

/** What does not follow from evidence: what a person said of it, and, unless it is learned anew, what was learned. */
function startingSpecial({ special }: KnownIdentifier, relearn: boolean): Special | undefined {
  if (!special) return undefined
  const blocked = relearn && special.blocked === 'hand' ? 'hand' : 'no'
  const disputed = relearn ? [] : [...special.disputed]
  return { own: 0, sharers: [], sharedSince: 0, blocked, blockedSeq: special.blockedSeq, cleared: special.cleared || !relearn, disputed }
}

/** When values were blocked, in order. */
function blockings({ identifiers }: Evidence): { slot: number; seq: number }[] {
  return identifiers
    .flatMap(({ special }, slot) => (special && special.blocked !== 'no' ? [{ slot, seq: special.blockedSeq }] : []))
    .sort((a, b) => a.seq - b.seq)
}

function noteFormer(former: Map<number, number>, graph: Graph, { unbound }: Outcome, facts: readonly KnownFact[]): void {
  for (const { fact, slot, leaf } of unbound) {
    const { hashes = [], leaves = [] } = facts[fact] ?? {}
    const real = leaves[hashes.indexOf(identifierOf(graph, slot).hash)]
    if (real !== undefined && !former.has(leaf)) former.set(leaf, real)
  }
}

function dateBlocks(graph: Graph, { suspicious }: Outcome, facts: readonly KnownFact[]): void {
  for (const { slot, fact, kind } of suspicious)
    if (kind === 'blocked') specialOf(identifierOf(graph, slot)).blockedSeq = facts[fact]?.seq ?? 0
}

/** Identifiers that hold on to nobody any more are people of their own, if they were anybody's. */
function standAlone({ identifiers }: Evidence, graph: Graph): void {
  const alone = identifiers.flatMap(({ leaf, position, ts, rule }, slot) =>
    leaf > 0 && rule.linkClass !== 'none' && identifierOf(graph, slot).leaf === 0
      ? [{ position, ts, slots: [slot], what: 'together' as const, rule: 'together' as const }]
      : [],
  )
  decide(graph, alone)
}

function derivedOf(graph: Graph, known: KnownIdentifier, slot: number): Derived {
  const { leaf, ts, special } = identifierOf(graph, slot)
  return { known, leaf, root: leaf === 0 ? 0 : rootOf(graph, leaf), ts, special }
}
