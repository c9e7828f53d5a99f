import type { LeafMap } from './leaf-map.ts'
import type { NamespaceRule } from './namespace-rules.ts'

/**
 * What the decision works on: the part of the identity graph that a batch touches, in memory. Identifiers are *slots*, indexes of
 * `identifiers`; leaves and roots are the numbers that are stored.
 */
export interface Graph {
  nextLeaf: number
  /** How many facts identity has taken before these. */
  seq: number
  identifiers: IdentifierState[]
  /** The root of each leaf that is known here; a leaf that is not here is its own. */
  rootOf: LeafMap<number>
  /** What a root holds. Only roots that may change need to be here. */
  profiles: LeafMap<Profile>
  /** Slots that must not get into one profile, both ways. */
  blocks: Map<number, number[]>
}

export interface IdentifierState {
  /** The blind index, as signed decimal text. */
  hash: string
  rule: NamespaceRule
  /** 0: kept without a leaf; it is nobody's. */
  leaf: number
  /** When it was linked, by the event's time; windows count by it. `unknownTs` unless its profile is here. */
  ts: number
  /** How often it was taken off a person; links made before that count no more. */
  generation: number
  /** The hash of the identifier that it is known to have come with first, '0': none. Saves recording that again. */
  anchor: string
  /** What few identifiers have; undefined for the others. */
  special: Special | undefined
}

export const unknownTs = -1

export interface Special {
  /** The leaf that answers for it while it links nobody; 0: none yet. */
  own: number
  /** Leaves of other people it was seen with. It is shared while one of them is not in the holder's profile. */
  sharers: number[]
  /** The position from which on it was shared. */
  sharedSince: number
  /** Links nobody any more: because many unrelated people had it, or because a person said so. */
  blocked: 'no' | 'learned' | 'hand'
  /** From which fact on. */
  blockedSeq: number
  /** A person has said that it is fine: not proposed again. */
  cleared: boolean
  /** Hashes of the strongest identifiers of unrelated people it was disputed with, to learn from. */
  disputed: string[]
}

export interface Profile {
  leaves: number[]
  /** The identifiers that it holds. */
  held: Held[]
}

/** Identifiers of one namespace. Few namespaces meet in one person, so these are lists, not maps. */
export interface Held {
  rule: NamespaceRule
  slots: number[]
}

export function emptyProfile(leaf: number): Profile {
  return { leaves: [leaf], held: [] }
}

export function heldOf(held: readonly Held[], namespace: string): Held | undefined {
  for (const one of held) if (one.rule.name === namespace) return one
  return undefined
}

export function hold({ held }: Profile, graph: Graph, slot: number): void {
  const { rule } = identifierOf(graph, slot)
  const known = heldOf(held, rule.name)
  if (known) known.slots.push(slot)
  else held.push({ rule, slots: [slot] })
}

export function letGo(profile: Profile, slot: number): void {
  for (const one of profile.held) one.slots = one.slots.filter(other => other !== slot)
  profile.held = profile.held.filter(({ slots }) => slots.length > 0)
}

export function membersOf({ held }: Profile): number[] {
  return held.flatMap(({ slots }) => slots)
}

/** What one profile held is the other's; the shorter list goes into the longer, whoever survives. */
export function takeOver(into: Profile, from: Profile): void {
  into.leaves = joined(into.leaves, from.leaves)
  for (const one of from.held) {
    const known = heldOf(into.held, one.rule.name)
    if (known) known.slots = joined(known.slots, one.slots)
    else into.held.push(one)
  }
}

function joined(one: number[], other: number[]): number[] {
  const [long, short] = one.length >= other.length ? [one, other] : [other, one]
  for (const value of short) long.push(value)
  return long
}

export function rootOf(graph: Graph, leaf: number): number {
  return graph.rootOf.get(leaf) ?? leaf
}

export function identifierOf(graph: Graph, slot: number): IdentifierState {
  const found = graph.identifiers[slot]
  if (!found) throw new Error(`slot ${slot} is outside of the graph`)
  return found
}

export function profileOf(graph: Graph, root: number): Profile {
  const found = graph.profiles.get(root)
  if (!found) throw new Error(`profile ${root} may change but was not loaded`)
  return found
}

export function specialOf(identifier: IdentifierState): Special {
  identifier.special ??= { own: 0, sharers: [], sharedSince: 0, blocked: 'no', blockedSeq: 0, cleared: false, disputed: [] }
  return identifier.special
}

/** Seen with several people who are not one: it links nobody, whoever held it first. */
export function isShared(graph: Graph, { leaf, special }: IdentifierState): boolean {
  if (!special || special.sharers.length === 0) return false
  const holder = rootOf(graph, leaf)
  return special.sharers.some(sharer => rootOf(graph, sharer) !== holder)
}

export function links(graph: Graph, identifier: IdentifierState): boolean {
  if (identifier.rule.linkClass === 'none') return false
  return !identifier.special || (identifier.special.blocked === 'no' && !isShared(graph, identifier))
}

/** The leaf that answers for an identifier: its holder's, or its own while it links nobody. 0: none. */
export function answeringLeaf(graph: Graph, identifier: IdentifierState): number {
  return links(graph, identifier) ? identifier.leaf : (identifier.special?.own ?? 0)
}

export function holdsStrong(graph: Graph, { held }: Profile): boolean {
  for (const { rule, slots } of held)
    if (rule.linkClass === 'strong' && slots.some(slot => links(graph, identifierOf(graph, slot)))) return true
  return false
}

export function isStrong(graph: Graph, slot: number): boolean {
  return identifierOf(graph, slot).rule.linkClass === 'strong'
}
