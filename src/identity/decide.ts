import type { Position } from '../log/position.ts'
import type { Disagreement } from './disagreement.ts'
import {
  answeringLeaf,
  emptyProfile,
  type Graph,
  hold,
  holdsStrong,
  identifierOf,
  isShared,
  isStrong,
  letGo,
  links,
  profileOf,
  rootOf,
  specialOf,
  takeOver,
} from './graph.ts'
import { conflictPlan, type Plan, planFor } from './plan.ts'

/** Something about identifiers, at its place in the order of facts. */
export interface SlotFact {
  position: Position
  ts: number
  /** Strongest first, each once. */
  slots: readonly number[]
  /**
   * They came together, or are taken off their people. From evidence also: it is known to have been a conflict; or the first, or else somebody
   * with leaf `of`, came with the others and they stayed apart.
   */
  what: 'together' | 'unbind' | 'conflict' | 'apart'
  of?: number
  /** Why they are together, for the evidence. */
  rule: LinkRule
}

export type LinkRule = 'together' | 'alias' | 'hand'

/** What came of a batch. `fact` is an index of the facts. */
export interface Outcome {
  /** Per fact, 0 where it carries no identifier. */
  leaves: number[]
  /** Per fact the identifier that chose the leaf, -1 where there is none. */
  deciding: number[]
  /** New leaves, in the order of their numbers. */
  created: { leaf: number; fact: number }[]
  /** Leaves whose root is another now. */
  moved: Set<number>
  /** Identifiers whose row changed: linked, taken off, shared, blocked. */
  changed: Set<number>
  links: Link[]
  merges: Merge[]
  conflicts: Conflict[]
  unbound: { fact: number; slot: number; leaf: number }[]
  /** Identifiers that have become shared. */
  shared: { fact: number; slot: number }[]
  /** Identifiers that are disputed by so many that they should be blocked, or have been; shared ones that many people use. */
  suspicious: { fact: number; slot: number; kind: 'proposed' | 'blocked' | 'hub' }[]
}

/** Two identifiers came together; `linked` if that made or kept them one person. */
export interface Link {
  fact: number
  anchor: number
  other: number
  generation: number
  linked: boolean
  /** Written the other way round as well, so that either side knows. */
  reversed: boolean
}

export interface Merge {
  fact: number
  survivor: number
  merged: number
  /** The leaves that came with the merged profile. */
  leaves: number[]
  /** The event's strongest identifier on either side. */
  survivorSlot: number
  mergedSlot: number
}

export interface Conflict {
  fact: number
  reason: Disagreement
  /** The identifier whose profile got the event. */
  target: number
  /** The strongest identifier that stayed outside. */
  subject: number
}

/** How many people a shared identifier is remembered with; beyond that it is everybody's and no merge lifts it. */
const sharersRemembered = 100
const disputesRemembered = 100
/** A shared identifier seen with this many people is worth a look. */
const hubSize = 10

/**
 * Says whose each fact is and what it changes, fact by fact. It is the whole semantics of identity: no clock, no chance, no store.
 * The graph is brought up to date on the way.
 */
export function decide(graph: Graph, facts: readonly SlotFact[]): Outcome {
  const batch = new Batch(graph)
  for (const fact of facts) batch.take(fact)
  return batch.outcome
}

class Batch {
  readonly outcome: Outcome = {
    leaves: [],
    deciding: [],
    created: [],
    moved: new Set(),
    changed: new Set(),
    links: [],
    merges: [],
    conflicts: [],
    unbound: [],
    shared: [],
    suspicious: [],
  }
  readonly #graph: Graph
  /** What each identifier was found linked with last; saying it again is harmless, but most messages say it again. */
  readonly #linked = new Map<number, number>()
  #fact = -1

  constructor(graph: Graph) {
    this.#graph = graph
  }

  take(fact: SlotFact): void {
    this.#fact += 1
    const { deciding, leaf } = this.#taken(fact)
    this.outcome.deciding.push(deciding)
    this.outcome.leaves.push(leaf)
  }

  #taken(fact: SlotFact): { deciding: number; leaf: number } {
    const [first] = fact.slots
    if (first === undefined) return { deciding: -1, leaf: 0 }
    if (fact.what === 'unbind') return { deciding: first, leaf: this.#unbind(fact) }
    if (fact.what === 'apart') this.#keepApart(fact)
    const deciding = fact.what === 'apart' ? first : this.#settle(fact)
    return { deciding, leaf: answeringLeaf(this.#graph, identifierOf(this.#graph, deciding)) }
  }

  /** Returns the identifier that decides whose the fact is. */
  #settle(fact: SlotFact): number {
    const active = this.#active(fact.slots)
    const strongest = active[0]
    if (strongest === undefined) return this.#standAlone(fact)
    if (active.length === 1 || this.#areTogether(active)) {
      if (identifierOf(this.#graph, strongest).leaf === 0) this.#attach([strongest], this.#homeOf(strongest), fact)
      this.#link(fact.slots, strongest)
      if (active.length < fact.slots.length) this.#meetShared(fact, active, strongest)
      return strongest
    }
    return this.#join(fact, active)
  }

  #active(slots: readonly number[]): readonly number[] {
    const isActive = (slot: number) => links(this.#graph, identifierOf(this.#graph, slot))
    return slots.every(isActive) ? slots : slots.filter(isActive)
  }

  #areTogether(active: readonly number[]): boolean {
    let common = 0
    for (const slot of active) {
      const { leaf } = identifierOf(this.#graph, slot)
      if (leaf === 0) return false
      const root = rootOf(this.#graph, leaf)
      if (common !== 0 && root !== common) return false
      common = root
    }
    return true
  }

  #join(fact: SlotFact, active: readonly number[]): number {
    const plan = fact.what === 'conflict' ? conflictPlan(this.#graph, active, 'unique') : planFor(this.#graph, active, fact.ts)
    if (plan.fresh.length > 0) this.#attach(plan.fresh, this.#homeFor(plan, active), fact)
    this.#merge(plan.roots, active)
    const deciding = active.find(slot => identifierOf(this.#graph, slot).leaf > 0 && !plan.shared.includes(slot))
    if (deciding === undefined) throw new Error('an event with identifiers belongs to one of them')
    for (const slot of plan.shared) this.#share(slot, identifierOf(this.#graph, deciding).leaf, fact.position)
    if (plan.conflict) this.#dispute(plan.conflict, deciding, active)
    else this.#link(fact.slots, deciding)
    if (active.length < fact.slots.length) this.#meetShared(fact, active, deciding)
    return deciding
  }

  /** Nothing here links anybody: the strongest identifier gets a leaf of its own. */
  #standAlone(fact: SlotFact): number {
    const deciding = fact.slots[0] ?? -1
    this.#ownLeaf(deciding)
    this.#link(fact.slots, deciding)
    return deciding
  }

  #rootOfSlot(slot: number): number {
    return rootOf(this.#graph, identifierOf(this.#graph, slot).leaf)
  }

  /** New identifiers go where the strongest of those that they join is. */
  #homeFor({ roots, fresh, shared }: Plan, active: readonly number[]): number {
    for (const slot of active) {
      const { leaf } = identifierOf(this.#graph, slot)
      if (leaf > 0 && roots.includes(rootOf(this.#graph, leaf)) && !shared.includes(slot)) return leaf
    }
    return this.#homeOf(fresh[0] ?? -1)
  }

  /** The leaf that an identifier without one begins with: the one of its own if it has that already. */
  #homeOf(slot: number): number {
    return identifierOf(this.#graph, slot).special?.own || this.#createLeaf()
  }

  #createLeaf(): number {
    const leaf = this.#graph.nextLeaf
    this.#graph.nextLeaf += 1
    this.#graph.profiles.set(leaf, emptyProfile(leaf))
    this.outcome.created.push({ leaf, fact: this.#fact })
    return leaf
  }

  #ownLeaf(slot: number): void {
    const special = specialOf(identifierOf(this.#graph, slot))
    if (special.own > 0) return
    special.own = this.#createLeaf()
    this.outcome.changed.add(slot)
  }

  #attach(slots: readonly number[], leaf: number, { ts }: SlotFact): void {
    const root = rootOf(this.#graph, leaf)
    for (const slot of slots) {
      const identifier = identifierOf(this.#graph, slot)
      identifier.leaf = leaf
      identifier.ts = ts
      const profile = this.#graph.profiles.get(root)
      if (profile) hold(profile, this.#graph, slot)
      this.outcome.changed.add(slot)
    }
  }

  /** The oldest profile survives and takes the others in. */
  #merge(roots: readonly number[], active: readonly number[]): void {
    if (roots.length < 2) return
    const [survivor = 0, ...others] = roots.toSorted((a, b) => a - b)
    const survivorSlot = this.#strongestIn(survivor, active)
    for (const merged of others) {
      const mergedSlot = this.#strongestIn(merged, active)
      const leaves = this.#absorb(survivor, merged)
      this.outcome.merges.push({ fact: this.#fact, survivor, merged, leaves, survivorSlot, mergedSlot })
    }
  }

  #strongestIn(root: number, active: readonly number[]): number {
    return active.find(slot => identifierOf(this.#graph, slot).leaf > 0 && this.#rootOfSlot(slot) === root) ?? -1
  }

  /** Returns the leaves that came over. */
  #absorb(survivor: number, merged: number): number[] {
    const into = this.#graph.profiles.get(survivor)
    const from = this.#graph.profiles.get(merged)
    if (!into || !from) throw new Error('merging profiles are loaded')
    const leaves = [...from.leaves]
    for (const leaf of leaves) {
      this.#graph.rootOf.set(leaf, survivor)
      this.outcome.moved.add(leaf)
    }
    takeOver(into, from)
    this.#graph.profiles.delete(merged)
    return leaves
  }

  #share(slot: number, sharer: number, position: Position): void {
    const identifier = identifierOf(this.#graph, slot)
    const special = specialOf(identifier)
    if (special.sharers.length === 0) special.sharedSince = position
    special.sharers.push(sharer)
    this.#ownLeaf(slot)
    this.outcome.changed.add(slot)
    this.outcome.shared.push({ fact: this.#fact, slot })
  }

  /** They came together and nothing linked: what is somebody else's is shared from here on. */
  #keepApart(fact: SlotFact): void {
    const { slots, of, position } = fact
    const [first = -1, ...rest] = slots
    if (of === undefined && identifierOf(this.#graph, first).leaf === 0) this.#attach([first], this.#homeOf(first), fact)
    const sharer = of ?? (isStrong(this.#graph, first) ? identifierOf(this.#graph, first).leaf : 0)
    if (sharer === 0) return
    const person = rootOf(this.#graph, sharer)
    for (const slot of of === undefined ? rest : slots) {
      const { leaf, rule, special } = identifierOf(this.#graph, slot)
      if (!rule.shareable || leaf === 0 || this.#rootOfSlot(slot) === person) continue
      if (rule.linkClass === 'weak' && !holdsStrong(this.#graph, profileOf(this.#graph, this.#rootOfSlot(slot)))) continue
      if (!special?.sharers.some(one => rootOf(this.#graph, one) === person)) this.#share(slot, sharer, position)
    }
  }

  /** Shared identifiers remember whom they were seen with: only a merge of all of them lifts the sharing. */
  #meetShared({ slots }: SlotFact, active: readonly number[], deciding: number): void {
    if (!active.some(slot => isStrong(this.#graph, slot))) return
    const { leaf } = identifierOf(this.#graph, deciding)
    const person = rootOf(this.#graph, leaf)
    for (const slot of slots) {
      const identifier = identifierOf(this.#graph, slot)
      const { special } = identifier
      if (active.includes(slot) || !special || !isShared(this.#graph, identifier) || special.sharers.length >= sharersRemembered) continue
      if (person === this.#rootOfSlot(slot) || special.sharers.some(sharer => rootOf(this.#graph, sharer) === person)) continue
      special.sharers.push(leaf)
      this.outcome.changed.add(slot)
      if (special.sharers.length === hubSize && !special.cleared) this.outcome.suspicious.push({ fact: this.#fact, slot, kind: 'hub' })
    }
  }

  /** Evidence: every other identifier of the fact came together with the deciding one. */
  #link(slots: readonly number[], anchor: number): void {
    if (slots.length === 1) return
    const { hash, generation, special } = identifierOf(this.#graph, anchor)
    for (const other of slots) {
      if (other === anchor) continue
      const identifier = identifierOf(this.#graph, other)
      const takenOff = generation + identifier.generation
      if (identifier.anchor === hash && takenOff === 0 && !special && !identifier.special) continue
      const linked = this.#areLinked(anchor, other)
      if (this.#linked.get(other) === anchor && linked && takenOff === 0) continue
      if (linked) this.#linked.set(other, anchor)
      this.#record(anchor, other, takenOff, linked)
      if (!linked || identifier.anchor !== '0') continue
      identifier.anchor = hash
      this.outcome.changed.add(other)
    }
  }

  #areLinked(anchor: number, other: number): boolean {
    const [one, two] = [identifierOf(this.#graph, anchor), identifierOf(this.#graph, other)]
    return (
      links(this.#graph, two) && two.leaf > 0 && links(this.#graph, one) && rootOf(this.#graph, one.leaf) === rootOf(this.#graph, two.leaf)
    )
  }

  /** What did not link is kept in both directions: it belongs to the story of either. */
  #record(anchor: number, other: number, generation: number, linked: boolean): void {
    this.outcome.links.push({ fact: this.#fact, anchor, other, generation, linked, reversed: false })
    if (!linked) this.outcome.links.push({ fact: this.#fact, anchor: other, other: anchor, generation, linked, reversed: true })
  }

  #dispute(reason: Disagreement, target: number, active: readonly number[]): void {
    const person = this.#rootOfSlot(target)
    const outside = active.filter(slot => identifierOf(this.#graph, slot).leaf === 0 || this.#rootOfSlot(slot) !== person)
    const subject = outside.toSorted((a, b) => this.#compare(a, b))[0]
    if (subject === undefined) return
    this.outcome.conflicts.push({ fact: this.#fact, reason, target, subject })
    for (const slot of outside) {
      this.outcome.changed.add(slot)
      if (isStrong(this.#graph, slot)) this.#learn(slot, target)
    }
    if (isStrong(this.#graph, subject)) this.#learn(target, subject)
  }

  /** Strongest first; whom a conflict is about does not depend on the order in the payload. */
  #compare(a: number, b: number): number {
    const [one, other] = [identifierOf(this.#graph, a), identifierOf(this.#graph, b)]
    return one.rule.rank - other.rule.rank || (one.hash < other.hash ? -1 : 1)
  }

  /** A value disputed by many unrelated people is nobody's. */
  #learn(slot: number, opponent: number): void {
    const identifier = identifierOf(this.#graph, slot)
    const special = specialOf(identifier)
    const { hash } = identifierOf(this.#graph, opponent)
    if (special.disputed.length >= disputesRemembered || special.disputed.includes(hash)) return
    special.disputed.push(hash)
    this.outcome.changed.add(slot)
    if (special.cleared || special.blocked !== 'no') return
    const { proposeAt, blockAt } = identifier.rule
    if (special.disputed.length >= blockAt) {
      special.blocked = 'learned'
      special.blockedSeq = this.#graph.seq + this.#fact
      this.#ownLeaf(slot)
      this.outcome.suspicious.push({ fact: this.#fact, slot, kind: 'blocked' })
    } else if (special.disputed.length === proposeAt) this.outcome.suspicious.push({ fact: this.#fact, slot, kind: 'proposed' })
  }

  /** Takes the identifiers off their people. What they brought stays; from now on they are nobody's. Returns whose the fact is. */
  #unbind(fact: SlotFact): number {
    const { slots } = fact
    const before = slots.map(slot => answeringLeaf(this.#graph, identifierOf(this.#graph, slot))).find(leaf => leaf > 0)
    for (const slot of slots) {
      const identifier = identifierOf(this.#graph, slot)
      if (identifier.leaf === 0) continue
      const profile = this.#graph.profiles.get(this.#rootOfSlot(slot))
      if (!profile) throw new Error('a profile that loses an identifier is loaded')
      letGo(profile, slot)
      this.outcome.unbound.push({ fact: this.#fact, slot, leaf: identifier.leaf })
      identifier.leaf = 0
      identifier.generation += 1
      if (identifier.special) identifier.special.sharers = []
      this.outcome.changed.add(slot)
    }
    if (before !== undefined) return before
    // Nobody's before: the message itself is all that is known of it.
    const deciding = this.#settle({ ...fact, slots: slots.slice(0, 1) })
    return answeringLeaf(this.#graph, identifierOf(this.#graph, deciding))
  }
}
