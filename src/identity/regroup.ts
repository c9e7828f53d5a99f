import type { Derivation, Derived } from './derive.ts'
import { isShared, rootOf, type Special } from './graph.ts'

/** What has to change so that the store says what was derived. Facts stay in their leaves, except where people share one. */
export interface Regrouping {
  nextLeaf: number
  newLeaves: { leaf: number; root: number }[]
  /** Leaves that go to another profile. */
  roots: { leaf: number; root: number; before: number }[]
  identifiers: { hash: string; leaf: number; ts: number; special: Special | undefined }[]
  /** In this order. */
  reattributions: Reattribution[]
}

/**
 * Facts of leaf `from` whose first identifier (the one that chose the leaf) is one of `hashes` go to leaf `to`. With `instead`, a fact that
 * carries one of those identifiers goes to the leaf of the first of them.
 */
export interface Reattribution {
  from: number
  to: number
  hashes: string[]
  /** Only facts from this position on. */
  since?: number
  /** Only facts before this position. */
  until?: number
  instead?: { hash: string; leaf: number }[]
}

/**
 * @param leaves the leaves of all profiles that take part, and their roots now
 * @param nextLeaf the first number that is free
 * @param firstNewLeaf as it was derived
 */
export function regroup(derivation: Derivation, leaves: ReadonlyMap<number, number>, nextLeaf: number, firstNewLeaf: number): Regrouping {
  return new Regrouper(derivation, leaves, nextLeaf, firstNewLeaf).result()
}

/** People as derived, with the real leaves that are theirs from now on. */
interface Person {
  leaves: Set<number>
}

class Regrouper {
  readonly #derivation: Derivation
  readonly #leaves: ReadonlyMap<number, number>
  readonly #firstNewLeaf: number
  readonly #people = new Map<number, Person>()
  /** The real leaf of a derived one. */
  readonly #real = new Map<number, number>()
  readonly #home = new Map<Derived, number>()
  readonly #created: number[] = []
  readonly #moves: Reattribution[] = []
  readonly #sharedMoves: Reattribution[] = []
  #nextLeaf: number

  constructor(derivation: Derivation, leaves: ReadonlyMap<number, number>, nextLeaf: number, firstNewLeaf: number) {
    this.#derivation = derivation
    this.#leaves = leaves
    this.#nextLeaf = nextLeaf
    this.#firstNewLeaf = firstNewLeaf
  }

  result(): Regrouping {
    const { derived } = this.#derivation
    const byLeaf = Map.groupBy(
      derived.filter(({ known, leaf }) => known.leaf > 0 && leaf > 0),
      ({ known }) => known.leaf,
    )
    for (const [leaf, holders] of byLeaf) this.#share(leaf, holders)
    this.#keepEmptyLeaves(byLeaf)
    for (const one of derived) if (one.known.leaf === 0 && one.leaf > 0) this.#takeIn(one)
    const roots = this.#roots()
    const identifiers = derived.flatMap(one => this.#changed(one, roots))
    return {
      nextLeaf: this.#nextLeaf,
      newLeaves: this.#created.map(leaf => ({ leaf, root: roots.get(leaf) ?? leaf })),
      roots: [...this.#leaves].flatMap(([leaf, before]) => {
        const root = roots.get(leaf) ?? before
        return root === before ? [] : [{ leaf, root, before }]
      }),
      identifiers,
      reattributions: [...this.#sharedMoves, ...this.#moves],
    }
  }

  /** A leaf stays with whoever was there first; others that were in it get new ones. */
  #share(leaf: number, holders: readonly Derived[]): void {
    const byPerson = Map.groupBy(holders, ({ root }) => root)
    const founder = holders.reduce((first, one) => (isBefore(one, first) ? one : first))
    for (const [root, theirs] of byPerson) {
      const home = root === founder.root ? leaf : this.#createLeaf()
      if (home !== leaf) this.#moves.push({ from: leaf, to: home, hashes: theirs.map(({ known }) => known.hash) })
      this.#person(root).leaves.add(home)
      for (const one of theirs) {
        this.#home.set(one, home)
        if (!this.#real.has(one.leaf)) this.#real.set(one.leaf, home)
      }
    }
  }

  /** Leaves whose identifiers have all gone elsewhere stay with whom they were taken off, or else with the profile that they are in. */
  #keepEmptyLeaves(byLeaf: ReadonlyMap<number, readonly Derived[]>): void {
    const { former, graph } = this.#derivation
    const empty = new Set([...this.#leaves.keys()].filter(leaf => !byLeaf.has(leaf)))
    for (const [derived, leaf] of former) {
      if (!this.#real.has(derived)) this.#real.set(derived, leaf)
      if (empty.delete(leaf)) this.#person(rootOf(graph, derived)).leaves.add(leaf)
    }
    const keepers = this.#keepers()
    for (const leaf of empty) keepers.get(this.#leaves.get(leaf) ?? leaf)?.leaves.add(leaf)
  }

  /** By profile as it is now: the person who has its oldest leaf, or else any of its leaves. */
  #keepers(): Map<number, Person> {
    const keepers = new Map<number, Person>()
    for (const person of this.#people.values()) {
      for (const leaf of person.leaves) {
        const root = this.#leaves.get(leaf)
        if (root !== undefined && (leaf === root || !keepers.has(root))) keepers.set(root, person)
      }
    }
    return keepers
  }

  /** An identifier that was nobody's joins where it belongs. */
  #takeIn(one: Derived): void {
    const person = this.#person(one.root)
    const home = this.#real.get(one.leaf) ?? Math.min(...person.leaves)
    const leaf = Number.isFinite(home) ? home : this.#createLeaf()
    person.leaves.add(leaf)
    this.#real.set(one.leaf, leaf)
    this.#home.set(one, leaf)
  }

  #changed(one: Derived, roots: ReadonlyMap<number, number>): Regrouping['identifiers'] {
    const { known } = one
    const leaf = this.#home.get(one) ?? 0
    const special = this.#special(one, leaf, roots)
    if (leaf === known.leaf && sameSpecial(special, known.special)) return []
    return [{ hash: known.hash, leaf, ts: leaf === known.leaf ? known.ts : one.ts, special }]
  }

  #special(one: Derived, leaf: number, roots: ReadonlyMap<number, number>): Special | undefined {
    const { known, special } = one
    const before = known.special
    const lost = leaf === 0 && known.leaf > 0
    if (!special && !before && !lost) return undefined
    const sharers = this.#sharers(one, roots)
    const needsOwn = lost || (special?.own ?? 0) > 0
    const own = before?.own || (needsOwn ? this.#createLeaf() : 0)
    if (lost) this.#moves.push({ from: known.leaf, to: own, hashes: [known.hash] })
    else this.#followSharing(one, own)
    return {
      own,
      sharers,
      sharedSince: special?.sharedSince ?? 0,
      blocked: special?.blocked ?? 'no',
      blockedSeq: special?.blockedSeq ?? 0,
      cleared: before?.cleared ?? false,
      disputed: special?.disputed ?? [],
    }
  }

  /** What a shared identifier brought alone is its own; what it brought while it was not shared is its holder's. */
  #followSharing(one: Derived, own: number): void {
    const { known, special } = one
    const hashes = [known.hash]
    const home = this.#home.get(one) ?? 0
    const since = special && special.sharers.length > 0 ? special.sharedSince : Number.POSITIVE_INFINITY
    const sinceBefore = known.special && known.special.sharers.length > 0 ? known.special.sharedSince : Number.POSITIVE_INFINITY
    if (this.#isShared(one) && (since < sinceBefore || this.#wasLifted(one)))
      this.#sharedMoves.push({ from: known.leaf, to: own, hashes, since, instead: this.#deciders() })
    if (since > sinceBefore && home > 0) this.#moves.push({ from: own, to: home, hashes, ...(Number.isFinite(since) && { until: since }) })
  }

  /** Identifiers that link, and where they send what they bring. */
  #deciders(): { hash: string; leaf: number }[] {
    return [...this.#home].flatMap(([one, leaf]) =>
      this.#isShared(one) || one.special?.blocked === 'hand' ? [] : [{ hash: one.known.hash, leaf }],
    )
  }

  /** Somebody it is shared with was one with the holder before. */
  #wasLifted({ known, root, special }: Derived): boolean {
    const before = (leaf: number) => this.#leaves.get(leaf) ?? this.#derivation.rootsBefore.get(leaf) ?? leaf
    const isApart = (sharer: number) => rootOf(this.#derivation.graph, sharer) !== root
    return (special?.sharers ?? []).some(sharer => isApart(sharer) && before(this.#realOf(sharer)) === before(known.leaf))
  }

  /** As they are if they are the same people: leaves of one person are as good as each other. */
  #sharers({ known, special }: Derived, roots: ReadonlyMap<number, number>): number[] {
    const derived = [...new Set((special?.sharers ?? []).map(sharer => this.#realOf(sharer)))]
    const before = known.special?.sharers ?? []
    const people = (leaves: readonly number[]) => [...new Set(leaves.map(leaf => this.#rootOf(leaf, roots)))].sort().join()
    return people(derived) === people(before) ? before : derived
  }

  #rootOf(leaf: number, roots: ReadonlyMap<number, number>): number {
    return roots.get(leaf) ?? this.#leaves.get(leaf) ?? this.#derivation.graph.rootOf.get(leaf) ?? leaf
  }

  #isShared({ known, leaf, special, ts }: Derived): boolean {
    return isShared(this.#derivation.graph, { hash: known.hash, rule: known.rule, leaf, ts, generation: 0, anchor: '0', special })
  }

  #realOf(leaf: number): number {
    return leaf < this.#firstNewLeaf ? leaf : (this.#real.get(leaf) ?? leaf)
  }

  /** The oldest leaf of each person is the profile. */
  #roots(): Map<number, number> {
    const roots = new Map<number, number>()
    for (const { leaves } of this.#people.values()) {
      const root = Math.min(...leaves)
      for (const leaf of leaves) roots.set(leaf, root)
    }
    return roots
  }

  #person(root: number): Person {
    const known = this.#people.get(root)
    if (known) return known
    const person = { leaves: new Set<number>() }
    this.#people.set(root, person)
    return person
  }

  #createLeaf(): number {
    const leaf = this.#nextLeaf
    this.#nextLeaf += 1
    this.#created.push(leaf)
    return leaf
  }
}

/** What was in a leaf first: by where it was seen first, unless it came there later from somebody else. */
function isBefore(one: Derived, other: Derived): boolean {
  const came = ({ known }: Derived) => (known.generation === 0 ? known.position : Number.POSITIVE_INFINITY)
  if (came(one) !== came(other)) return came(one) < came(other)
  if (one.known.rule.rank !== other.known.rule.rank) return one.known.rule.rank < other.known.rule.rank
  return one.known.hash < other.known.hash
}

/** Whom it was disputed with is only learned from: a difference there changes nobody. */
function sameSpecial(one: Special | undefined, other: Special | undefined): boolean {
  const plain = (special: Special | undefined) =>
    special
      ? [special.own, special.sharers.toSorted((a, b) => a - b), special.sharedSince, special.blocked, special.cleared]
      : [0, [], 0, 'no', false]
  return JSON.stringify(plain(one)) === JSON.stringify(plain(other))
}
