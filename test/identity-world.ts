import fc from 'fast-check'
import { Slots } from '../src/identity/batch.ts'
import { decide, type Outcome } from '../src/identity/decide.ts'
import { answeringLeaf, type Graph, identifierOf, isShared, rootOf } from '../src/identity/graph.ts'
import { namespaceRules } from '../src/identity/namespace-rules.ts'
import { defaultNamespaces, type NamespaceDocument } from '../src/identity/namespaces.ts'
import { readerOf } from '../src/identity/normalise.ts'
import { keysFrom } from '../src/privacy/keys.ts'

/** What came in one message: `{ user_id: 'u1', device_id: 'd1' }`; a list where there are several of a kind. */
export type Seen = Record<string, string | string[]>
export type Happened = Seen | { unbind: Seen }

/** Identity without a store: everything is in one graph, facts are taken one after the other. */
export interface World {
  take(...happened: Happened[]): Outcome
  /** Takes one fact and says whose it is. */
  profileAfter(happened: Happened): number
  /** Who answers for an identifier; 0: nobody. */
  who(namespace: string, value: string): number
  mark(namespace: string, value: string): 'linked' | 'shared' | 'blocked'
  /** The identifiers of each profile, each list and all of them in order. */
  partition(): string[][]
  /** The outcome of everything so far, by kind. */
  readonly counts: { conflicts: number; shared: number; merges: number; suspicious: string[] }
  /** Says that two identifiers are not one person. */
  block(a: readonly [string, string], b: readonly [string, string]): void
  /** The identifiers of each conflict. */
  readonly conflicts: [namespace: string, value: string][][]
  readonly graph: Graph
}

const keys = keysFrom('test')

export function world(documents: readonly NamespaceDocument[] = defaultNamespaces): World {
  const slots = new Slots(readerOf(namespaceRules(documents), keys))
  const graph: Graph = { nextLeaf: 1, seq: 0, identifiers: [], rootOf: new Map(), profiles: new Map(), blocks: new Map() }
  const counts = { conflicts: 0, shared: 0, merges: 0, suspicious: [] as string[] }
  const conflicts: [string, string][][] = []
  let position = 0
  const slotOf = (namespace: string, value: string) => {
    const [slot = -1] = slots.take({ position: 0, ts: 0, source: '', identifiers: [{ namespace, value }] }).slots
    grow()
    return slot
  }
  const nameOf = (slot: number): [string, string] => [identifierOf(graph, slot).rule.name, slots.wanted[slot]?.value ?? '']
  const grow = () => {
    for (const { hash, rule } of slots.wanted.slice(graph.identifiers.length))
      graph.identifiers.push({ hash, rule, leaf: 0, ts: 0, generation: 0, anchor: '0', special: undefined })
  }
  const take = (...happened: Happened[]) => {
    const facts = happened.map(one => {
      position += 1
      return slots.take(factOf(one, position))
    })
    grow()
    const outcome = decide(graph, facts)
    graph.seq += facts.length
    for (const { fact } of outcome.conflicts) conflicts.push((facts[fact]?.slots ?? []).map(nameOf))
    counts.conflicts += outcome.conflicts.length
    counts.shared += outcome.shared.length
    counts.merges += outcome.merges.length
    counts.suspicious.push(...outcome.suspicious.map(({ kind }) => kind))
    return outcome
  }
  return {
    graph,
    counts,
    conflicts,
    block(a, b) {
      const [one, two] = [slotOf(...a), slotOf(...b)]
      graph.blocks.set(one, [...(graph.blocks.get(one) ?? []), two])
      graph.blocks.set(two, [...(graph.blocks.get(two) ?? []), one])
    },
    take,
    profileAfter: happened => rootOf(graph, take(happened).leaves[0] ?? 0),
    who: (namespace, value) => rootOf(graph, answeringLeaf(graph, identifierOf(graph, slotOf(namespace, value)))),
    mark(namespace, value) {
      const identifier = identifierOf(graph, slotOf(namespace, value))
      if (identifier.special && identifier.special.blocked !== 'no') return 'blocked'
      return isShared(graph, identifier) ? 'shared' : 'linked'
    },
    partition() {
      const profiles = new Map<number, string[]>()
      graph.identifiers.forEach(({ leaf }, slot) => {
        if (leaf === 0) return
        const root = rootOf(graph, leaf)
        profiles.set(root, [...(profiles.get(root) ?? []), `${nameOf(slot).join('=')}`])
      })
      return [...profiles.values()].map(members => members.sort()).sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1))
    },
  }
}

/** A fact as identity takes it; its time is its position in seconds. */
export function factOf(happened: Happened, position: number) {
  const unbind = 'unbind' in happened && typeof happened.unbind === 'object' && !Array.isArray(happened.unbind)
  const seen = (unbind ? happened.unbind : happened) as Seen
  const identifiers = Object.entries(seen).flatMap(([namespace, values]) => [values].flat().map(value => ({ namespace, value })))
  return { position, ts: position * 1000, source: 'test', identifiers, ...(unbind && { operation: { kind: 'unbind' } as const }) }
}

/** Identifiers of a small population, so that everything collides with everything. */
const population: Record<string, string[]> = {
  user_id: ['u1', 'u2', 'u3'],
  unionid: ['w1', 'w2'],
  phone: ['19900000001', '19900000002', '19900000003', '19900000004'],
  member_id: ['m1', 'm2'],
  'openid:wx1': ['o1', 'o2'],
  email: ['a@example.com'],
  device_id: ['d1', 'd2'],
  anonymous_id: ['a1', 'a2', 'a3'],
  card: ['c1'],
}

export const anySeen: fc.Arbitrary<Seen> = fc
  .array(fc.constantFrom(...Object.entries(population).flatMap(([namespace, values]) => values.map(value => ({ namespace, value })))), {
    minLength: 1,
    maxLength: 4,
  })
  .map(asSeen)

export const anyHistory: fc.Arbitrary<Happened[]> = fc.array(
  fc.oneof({ weight: 15, arbitrary: anySeen as fc.Arbitrary<Happened> }, { weight: 1, arbitrary: anySeen.map(unbind => ({ unbind })) }),
  { minLength: 1, maxLength: 40 },
)

export function asSeen(identifiers: { namespace: string; value: string }[]): Seen {
  const seen: Record<string, string[]> = {}
  for (const { namespace, value } of identifiers) seen[namespace] = [...(seen[namespace] ?? []), value]
  return seen
}
