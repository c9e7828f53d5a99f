import type { Queryable } from '../store/postgres.ts'
import { listed, numbers } from '../store/sql-arrays.ts'
import { emptyProfile, type Graph, hold, identifierOf, type Profile, rootOf, type Special, unknownTs } from './graph.ts'
import { newLeafMap } from './leaf-map.ts'
import type { NamespaceRule } from './namespace-rules.ts'

export interface Head {
  nextLeaf: number
  seq: number
  namespacesVersion: number
  hasBlocks: boolean
  /** The transaction that changed identity last, and this one: 32-bit numbers of PostgreSQL. */
  writer: string
  transaction: string
}

/** Takes identity for this transaction: others wait until it ends, so every decision sees the one before. */
export async function lockHead(tx: Queryable): Promise<Head> {
  const [head] = await tx.query<Head>(
    `select next_leaf as "nextLeaf", seq, namespaces_version as "namespacesVersion", has_blocks as "hasBlocks", xmin::text as writer,
       (pg_current_xact_id()::text::numeric % 4294967296)::text as transaction
     from identity_head for update`,
  )
  if (!head) throw new Error('identity_head has its row since its migration')
  return head
}

/** An identifier of the batch before its state is known. */
export interface Wanted {
  hash: string
  rest: string
  rule: NamespaceRule
}

export interface Loaded {
  graph: Graph
  /** Slots that are stored already; the others are new. */
  stored: Set<number>
  /** Slots whose hash belongs to another identifier: they cannot be told apart and are not used. */
  collided: Set<number>
}

/** Which identifiers stand together, so that profiles that may change are known. */
export interface Together {
  slots: readonly number[]
  what: 'together' | 'unbind'
}

/** Brings in the part of the graph that a batch can touch. Slots are the indexes of what was wanted; what belongs to the same profiles follows. */
export class Loader {
  readonly #tx: Queryable
  readonly #head: Head
  readonly #ruleOf: (namespace: string) => NamespaceRule
  readonly #slots = new Map<string, number>()
  readonly #special: number[] = []
  readonly #loaded: Loaded
  #pending: Promise<StoredIdentifiers | undefined> = Promise.resolve(undefined)
  #wanted: readonly Wanted[] = []

  constructor(tx: Queryable, head: Head, ruleOf: (namespace: string) => NamespaceRule) {
    this.#tx = tx
    this.#head = head
    this.#ruleOf = ruleOf
    const graph = {
      nextLeaf: head.nextLeaf,
      seq: head.seq,
      identifiers: [],
      rootOf: newLeafMap<number>(head.nextLeaf),
      profiles: newLeafMap<Profile>(head.nextLeaf),
      blocks: new Map(),
    }
    this.#loaded = { graph, stored: new Set(), collided: new Set() }
  }

  /** Asks for those of the list that were not asked for yet. Returns when what was asked before is here, so the caller can go on meanwhile. */
  async lookUp(wanted: readonly Wanted[]): Promise<void> {
    this.#wanted = wanted
    const { graph } = this.#loaded
    const hashes: string[] = []
    for (let slot = graph.identifiers.length; slot < wanted.length; slot += 1) {
      const { hash, rule } = wantedAt(wanted, slot)
      graph.identifiers.push({ hash, rule, leaf: 0, ts: unknownTs, generation: 0, anchor: '0', special: undefined })
      this.#slots.set(hash, slot)
      hashes.push(hash)
    }
    this.#receive(await this.#pending)
    this.#pending = storedIdentifiers(this.#tx, hashes)
    // A failure is reported where it is awaited; until then it must not count as unhandled.
    this.#pending.catch(() => undefined)
  }

  async graphFor(facts: readonly Together[]): Promise<Loaded> {
    this.#receive(await this.#pending)
    const { graph } = this.#loaded
    await loadRoots(this.#tx, graph, new Set(graph.identifiers.map(({ leaf }) => leaf)))
    await loadSpecials(this.#tx, graph, this.#special)
    const roots = rootsThatMayChange(graph, facts, this.#special)
    if (roots.size > 0) await this.#loadProfiles(roots)
    return this.#loaded
  }

  #receive(rows: StoredIdentifiers | undefined): void {
    if (!rows) return
    const { graph, stored, collided } = this.#loaded
    rows.hashes.forEach((hash, index) => {
      const slot = this.#slots.get(hash) ?? -1
      const identifier = graph.identifiers[slot]
      if (!identifier) return
      stored.add(slot)
      if (rows.rests[index] !== this.#wanted[slot]?.rest) collided.add(slot)
      identifier.leaf = Number(rows.leaves[index])
      identifier.generation = Number(rows.generations[index])
      identifier.anchor = rows.anchors[index] ?? '0'
    })
    for (const hash of rows.specials) this.#special.push(this.#slots.get(hash) ?? -1)
  }

  /** Everything that these roots hold: their leaves, identifiers, and whom they must not meet. */
  async #loadProfiles(roots: Set<number>): Promise<void> {
    const { graph } = this.#loaded
    for (const root of roots) graph.profiles.set(root, emptyProfile(root))
    const merged = await this.#tx.query<{ leaf: number; root: number }>(
      'select leaf, root from leaves where root = any($1::bigint[]) and root <> leaf',
      [numbers(roots)],
    )
    for (const { leaf, root } of merged) {
      graph.profiles.get(root)?.leaves.push(leaf)
      graph.rootOf.set(leaf, root)
    }
    const special = await this.#loadMembers()
    await loadSpecials(this.#tx, graph, special)
    if (this.#head.hasBlocks) await loadBlocks(this.#tx, graph, this.#slots)
  }

  async #loadMembers(): Promise<number[]> {
    const { graph, stored } = this.#loaded
    const members = await membersOf(
      this.#tx,
      [...graph.profiles.values()].flatMap(profile => profile.leaves),
    )
    const specials = new Set(members.specials)
    const special: number[] = []
    members.hashes.forEach((hash, index) => {
      const leaf = Number(members.leaves[index])
      const ts = Number(members.times[index])
      let slot = this.#slots.get(hash)
      if (slot === undefined) {
        slot = graph.identifiers.length
        this.#slots.set(hash, slot)
        stored.add(slot)
        const rule = this.#ruleOf(members.namespaces[index] ?? '')
        graph.identifiers.push({ hash, rule, leaf, ts, generation: Number(members.generations[index]), anchor: '0', special: undefined })
        if (specials.has(hash)) special.push(slot)
      } else identifierOf(graph, slot).ts = ts
      const profile = graph.profiles.get(rootOf(graph, leaf))
      if (profile) hold(profile, graph, slot)
    })
    return special
  }
}

function wantedAt(wanted: readonly Wanted[], slot: number): Wanted {
  const found = wanted[slot]
  if (!found) throw new Error('slots number what is wanted')
  return found
}

/** Columns of many rows. As one row of arrays: reading thousands of rows costs more than finding them. */
type Columns<K extends string> = Record<K, string[]>
type StoredIdentifiers = Columns<'hashes' | 'rests' | 'leaves' | 'generations' | 'anchors' | 'specials'>
type Members = Columns<'hashes' | 'namespaces' | 'leaves' | 'generations' | 'times' | 'specials'>

async function storedIdentifiers(tx: Queryable, hashes: readonly string[]): Promise<StoredIdentifiers | undefined> {
  if (hashes.length === 0) return undefined
  const [row] = await tx.query<Record<keyof StoredIdentifiers, string | null>>(
    `select array_agg(hash)::text as hashes, array_agg(rest)::text as rests, array_agg(leaf)::text as leaves,
       array_agg(generation)::text as generations, array_agg(anchor)::text as anchors, (array_agg(hash) filter (where special))::text as specials
     from identifiers where hash = any($1::bigint[])`,
    [numbers(hashes)],
  )
  return {
    hashes: listed(row?.hashes),
    rests: listed(row?.rests),
    leaves: listed(row?.leaves),
    generations: listed(row?.generations),
    anchors: listed(row?.anchors),
    specials: listed(row?.specials),
  }
}

async function membersOf(tx: Queryable, leaves: readonly number[]): Promise<Members> {
  const [row] = await tx.query<Record<keyof Members, string | null>>(
    `select array_agg(hash)::text as hashes, array_agg(leaf)::text as leaves, array_agg(generation)::text as generations,
       array_agg((date_part('epoch', ts) * 1000)::bigint)::text as times, string_agg(namespace, ',') as namespaces,
       (array_agg(hash) filter (where special))::text as specials
     from identifiers where leaf = any($1::bigint[]) and leaf > 0`,
    [numbers(leaves)],
  )
  return {
    hashes: listed(row?.hashes),
    namespaces: row?.namespaces?.split(',') ?? [],
    leaves: listed(row?.leaves),
    generations: listed(row?.generations),
    times: listed(row?.times),
    specials: listed(row?.specials),
  }
}

async function loadSpecials(tx: Queryable, graph: Graph, slots: readonly number[]): Promise<void> {
  if (slots.length === 0) return
  const bySlot = new Map(slots.map(slot => [graph.identifiers[slot]?.hash ?? '', slot]))
  const rows = await tx.query<{
    hash: string
    own: number
    sharers: string
    since: number
    blocked: Special['blocked']
    blockedSeq: number
    cleared: boolean
    disputed: string
  }>(
    `select hash::text, own, array_to_string(sharers, ' ') as sharers, shared_since as since, blocked, blocked_seq as "blockedSeq", cleared,
       array_to_string(disputed, ' ') as disputed
     from special_identifiers where hash = any($1::bigint[])`,
    [numbers(bySlot.keys())],
  )
  const leaves = new Set<number>()
  for (const { hash, own, sharers, since, blocked, blockedSeq, cleared, disputed } of rows) {
    const identifier = graph.identifiers[bySlot.get(hash) ?? -1]
    if (!identifier) continue
    const special: Special = {
      own,
      sharers: words(sharers).map(Number),
      sharedSince: since,
      blocked,
      blockedSeq,
      cleared,
      disputed: words(disputed),
    }
    identifier.special = special
    for (const leaf of [special.own, ...special.sharers]) if (leaf > 0 && graph.rootOf.get(leaf) === undefined) leaves.add(leaf)
  }
  await loadRoots(tx, graph, leaves)
}

function words(text: string): string[] {
  return text === '' ? [] : text.split(' ')
}

/** Only merged leaves: the others are their own roots. */
async function loadRoots(tx: Queryable, graph: Graph, leaves: Iterable<number>): Promise<void> {
  const [row] = await tx.query<{ leaves: string | null; roots: string | null }>(
    `select array_agg(leaf)::text as leaves, array_agg(root)::text as roots from leaves where leaf = any($1::bigint[]) and root <> leaf`,
    [numbers(leaves)],
  )
  const roots = listed(row?.roots)
  listed(row?.leaves).forEach((leaf, index) => {
    graph.rootOf.set(Number(leaf), Number(roots[index]))
  })
}

/** A profile can change only in a fact whose identifiers are not all in it, or that takes some off. */
function rootsThatMayChange(graph: Graph, facts: readonly Together[], special: readonly number[]): Set<number> {
  const roots = new Set<number>()
  const specials = new Set(special)
  const unbinds = facts.some(({ what }) => what === 'unbind')
  for (const { slots } of facts) {
    if (slots.length < 2 && !unbinds && !specials.has(slots[0] ?? -1)) continue
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

async function loadBlocks(tx: Queryable, graph: Graph, slots: Map<string, number>): Promise<void> {
  const rows = await tx.query<{ a: string; b: string }>('select a::text, b::text from identity_blocks where a = any($1::bigint[])', [
    numbers(slots.keys()),
  ])
  for (const { a, b } of rows) {
    const [left, right] = [slots.get(a), slots.get(b)]
    if (left === undefined || right === undefined) continue
    graph.blocks.set(left, [...(graph.blocks.get(left) ?? []), right])
  }
}
