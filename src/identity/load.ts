import type { Queryable } from '../store/postgres.ts'
import { type Graph, type IdentifierState, rootOf, type Special } from './graph.ts'
import type { NamespaceRule } from './namespace-rules.ts'
import { bigints } from './sql-arrays.ts'

export interface Head {
  nextLeaf: number
  seq: number
  namespacesVersion: number
}

/** Takes identity for this transaction: others wait until it ends, so every decision sees the one before. */
export async function lockHead(tx: Queryable): Promise<Head> {
  const [head] = await tx.query<{ next_leaf: number; seq: number; namespaces_version: number }>(
    'select next_leaf, seq, namespaces_version from identity_head for update',
  )
  if (!head) throw new Error('identity_head has its row since its migration')
  return { nextLeaf: Number(head.next_leaf), seq: Number(head.seq), namespacesVersion: Number(head.namespaces_version) }
}

/** An identifier of the batch before its state is known. */
export interface Wanted {
  hash: string
  rest: string
  rule: NamespaceRule
}

export interface Loaded {
  graph: Graph
  /** Slots of the batch that are stored already; the others are new. */
  stored: Set<number>
  /** Slots whose hash belongs to another identifier: they cannot be told apart and are not used. */
  collided: Set<number>
}

/** Which identifiers stand together, so that profiles that may change are known. */
export interface Together {
  slots: readonly number[]
  unbind: boolean
}

/** The part of the graph that these facts can touch. Slots are the indexes of `wanted`; others that belong to the same profiles follow. */
export async function loadGraph(
  tx: Queryable,
  head: Head,
  wanted: readonly Wanted[],
  facts: readonly Together[],
  ruleOf: (namespace: string) => NamespaceRule,
): Promise<Loaded> {
  const graph: Graph = {
    nextLeaf: head.nextLeaf,
    identifiers: wanted.map(({ hash, rule }) => ({ hash, rule, leaf: 0, ts: 0, generation: 0, special: undefined })),
    rootOf: new Map(),
    profiles: new Map(),
    blocks: new Map(),
  }
  const { stored, collided, special } = await loadIdentifiers(tx, graph, wanted)
  await loadSpecials(tx, graph, special)
  const roots = rootsThatMayChange(graph, facts, special)
  if (roots.size > 0) await loadProfiles(tx, graph, roots, ruleOf)
  return { graph, stored, collided }
}

async function loadIdentifiers(tx: Queryable, graph: Graph, wanted: readonly Wanted[]) {
  const stored = new Set<number>()
  const collided = new Set<number>()
  const special: number[] = []
  const rows = await tx.query<{ slot: number; rest: string; leaf: number; root: number; generation: number; special: boolean; ms: number }>(
    `select w.slot::int - 1 as slot, i.rest::text as rest, i.leaf, coalesce(l.root, 0) as root, i.generation, i.special,
       (extract(epoch from i.ts) * 1000)::float8 as ms
     from unnest($1::bigint[]) with ordinality w(hash, slot)
     join identifiers i on i.hash = w.hash
     left join leaves l on l.leaf = i.leaf`,
    [bigints(wanted.map(({ hash }) => hash))],
  )
  for (const row of rows) {
    const identifier = graph.identifiers[row.slot]
    if (!identifier) continue
    stored.add(row.slot)
    if (row.rest !== wanted[row.slot]?.rest) collided.add(row.slot)
    identifier.leaf = Number(row.leaf)
    identifier.ts = row.ms
    identifier.generation = row.generation
    if (identifier.leaf > 0) graph.rootOf.set(identifier.leaf, Number(row.root))
    if (row.special) special.push(row.slot)
  }
  return { stored, collided, special }
}

async function loadSpecials(tx: Queryable, graph: Graph, slots: readonly number[]): Promise<void> {
  if (slots.length === 0) return
  const bySlot = new Map(slots.map(slot => [graph.identifiers[slot]?.hash ?? '', slot]))
  const rows = await tx.query<{
    hash: string
    own: number
    sharers: string
    since: number
    blocked: boolean
    cleared: boolean
    disputed: string
  }>(
    `select hash::text, own, array_to_string(sharers, ' ') as sharers, shared_since as since, blocked, cleared,
       array_to_string(disputed, ' ') as disputed
     from special_identifiers where hash = any($1::bigint[])`,
    [bigints(bySlot.keys())],
  )
  const leaves = new Set<number>()
  for (const { hash, own, sharers, since, blocked, cleared, disputed } of rows) {
    const identifier = graph.identifiers[bySlot.get(hash) ?? -1]
    if (!identifier) continue
    const special: Special = {
      own: Number(own),
      sharers: words(sharers).map(Number),
      sharedSince: Number(since),
      blocked,
      cleared,
      disputed: words(disputed),
    }
    identifier.special = special
    for (const leaf of [special.own, ...special.sharers]) if (leaf > 0 && !graph.rootOf.has(leaf)) leaves.add(leaf)
  }
  await loadRoots(tx, graph, leaves)
}

function words(text: string): string[] {
  return text === '' ? [] : text.split(' ')
}

async function loadRoots(tx: Queryable, graph: Graph, leaves: Iterable<number>): Promise<void> {
  const rows = await tx.query<{ leaf: number; root: number }>('select leaf, root from leaves where leaf = any($1::bigint[])', [
    bigints(leaves),
  ])
  for (const { leaf, root } of rows) graph.rootOf.set(Number(leaf), Number(root))
}

/** A profile can change only in a fact whose identifiers are not all in it, or that takes some off. */
function rootsThatMayChange(graph: Graph, facts: readonly Together[], special: readonly number[]): Set<number> {
  const roots = new Set<number>()
  const specials = new Set(special)
  const unbinds = facts.some(fact => fact.unbind)
  for (const { slots, unbind } of facts) {
    if (slots.length < 2 && !unbind && !unbinds && !specials.has(slots[0] ?? -1)) continue
    const first = rootOfSlot(graph, slots[0] ?? -1)
    const together = !unbinds && slots.every(slot => !specials.has(slot) && rootOfSlot(graph, slot) === first)
    if (together && first > 0) continue
    for (const slot of slots) {
      const identifier = graph.identifiers[slot]
      const own = identifier?.special?.own ?? 0
      for (const leaf of [identifier?.leaf ?? 0, own]) if (leaf > 0) roots.add(rootOf(graph, leaf))
    }
  }
  return roots
}

function rootOfSlot(graph: Graph, slot: number): number {
  const leaf = graph.identifiers[slot]?.leaf ?? 0
  return leaf === 0 ? 0 : rootOf(graph, leaf)
}

/** Everything that these roots hold: their leaves, identifiers, and whom they must not meet. */
async function loadProfiles(tx: Queryable, graph: Graph, roots: Set<number>, ruleOf: (namespace: string) => NamespaceRule): Promise<void> {
  for (const root of roots) {
    graph.profiles.set(root, { leaves: [root], members: [] })
    graph.rootOf.set(root, root)
  }
  const merged = await tx.query<{ leaf: number; root: number }>(
    'select leaf, root from leaves where root = any($1::bigint[]) and root <> leaf',
    [bigints(roots)],
  )
  for (const { leaf, root } of merged) {
    graph.profiles.get(Number(root))?.leaves.push(Number(leaf))
    graph.rootOf.set(Number(leaf), Number(root))
  }
  const slots = new Map(graph.identifiers.map(({ hash }, slot) => [hash, slot]))
  const special = await loadMembers(tx, graph, slots, ruleOf)
  await loadSpecials(tx, graph, special)
  await loadBlocks(tx, graph, slots)
}

async function loadMembers(
  tx: Queryable,
  graph: Graph,
  slots: Map<string, number>,
  ruleOf: (namespace: string) => NamespaceRule,
): Promise<number[]> {
  const leaves = [...graph.profiles.values()].flatMap(profile => profile.leaves)
  const rows = await tx.query<{ hash: string; namespace: string; leaf: number; generation: number; special: boolean; ms: number }>(
    `select hash::text, namespace, leaf, generation, special, (extract(epoch from ts) * 1000)::float8 as ms
     from identifiers where leaf = any($1::bigint[]) and leaf > 0`,
    [bigints(leaves)],
  )
  const special: number[] = []
  for (const row of rows) {
    let slot = slots.get(row.hash)
    if (slot === undefined) {
      slot = graph.identifiers.length
      slots.set(row.hash, slot)
      graph.identifiers.push(memberOf(row, ruleOf))
      if (row.special) special.push(slot)
    }
    graph.profiles.get(rootOf(graph, Number(row.leaf)))?.members.push(slot)
  }
  return special
}

function memberOf(
  row: { hash: string; namespace: string; leaf: number; generation: number; ms: number },
  ruleOf: (namespace: string) => NamespaceRule,
): IdentifierState {
  return { hash: row.hash, rule: ruleOf(row.namespace), leaf: Number(row.leaf), ts: row.ms, generation: row.generation, special: undefined }
}

async function loadBlocks(tx: Queryable, graph: Graph, slots: Map<string, number>): Promise<void> {
  const rows = await tx.query<{ a: string; b: string }>('select a::text, b::text from identity_blocks where a = any($1::bigint[])', [
    bigints(slots.keys()),
  ])
  for (const { a, b } of rows) {
    const [left, right] = [slots.get(a), slots.get(b)]
    if (left === undefined || right === undefined) continue
    graph.blocks.set(left, [...(graph.blocks.get(left) ?? []), right])
  }
}
