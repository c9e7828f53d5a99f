import type { Queryable } from '../store/postgres.ts'
import type { Outcome, SlotFact } from './decide.ts'
import { type Graph, identifierOf, rootOf } from './graph.ts'
import type { Head, Loaded } from './load.ts'
import { byteas, numbers, texts } from './sql-arrays.ts'

/** What the store needs to know beyond the decision. */
export interface Saving {
  head: Head
  facts: readonly (SlotFact & { source: string })[]
  outcome: Outcome
  loaded: Loaded
  /** Of a new identifier: the other half of its index, and its sealed value. */
  fresh: (slot: number) => { rest: string; sealed: Buffer }
}

export async function save(tx: Queryable, saving: Saving): Promise<void> {
  await saveLeaves(tx, saving)
  await saveIdentifiers(tx, saving)
  await saveSpecials(tx, saving)
  await saveEdges(tx, saving)
  await saveUnbinds(tx, saving)
  await saveMerges(tx, saving)
  await saveConflicts(tx, saving)
  await saveReview(tx, saving)
  const { graph } = saving.loaded
  await tx.query('update identity_head set next_leaf = $1, seq = $2', [graph.nextLeaf, saving.head.seq + saving.facts.length])
}

async function saveLeaves(tx: Queryable, { outcome, facts, loaded: { graph } }: Saving): Promise<void> {
  const created = new Set(outcome.created.map(({ leaf }) => leaf))
  if (created.size > 0) {
    await tx.query('insert into leaves (leaf, root, position) select * from unnest($1::bigint[], $2::bigint[], $3::bigint[])', [
      numbers(created),
      numbers(outcome.created.map(({ leaf }) => rootOf(graph, leaf))),
      numbers(outcome.created.map(({ fact }) => facts[fact]?.position ?? 0)),
    ])
  }
  const moved = [...outcome.moved].filter(leaf => !created.has(leaf))
  if (moved.length === 0) return
  await tx.query('update leaves l set root = m.root from unnest($1::bigint[], $2::bigint[]) m(leaf, root) where l.leaf = m.leaf', [
    numbers(moved),
    numbers(moved.map(leaf => rootOf(graph, leaf))),
  ])
}

async function saveIdentifiers(tx: Queryable, { outcome, facts, loaded: { graph, stored, collided }, fresh }: Saving): Promise<void> {
  const first = new Map<number, number>()
  facts.forEach(({ slots }, index) => {
    for (const slot of slots) if (!stored.has(slot) && !collided.has(slot) && !first.has(slot)) first.set(slot, index)
  })
  if (first.size > 0) await insertIdentifiers(tx, graph, first, facts, fresh)
  const changed = [...outcome.changed].filter(slot => !first.has(slot))
  if (changed.length === 0) return
  const identifiers = changed.map(slot => identifierOf(graph, slot))
  await tx.query(
    `update identifiers i set leaf = c.leaf, generation = c.generation, special = c.special, anchor = c.anchor,
       ts = case when c.ms < 0 then i.ts else to_timestamp(c.ms / 1000) end
     from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::boolean[], $5::float8[], $6::bigint[])
       c(hash, leaf, generation, special, ms, anchor)
     where i.hash = c.hash`,
    [
      numbers(identifiers.map(({ hash }) => hash)),
      numbers(identifiers.map(({ leaf }) => leaf)),
      numbers(identifiers.map(({ generation }) => generation)),
      numbers(identifiers.map(({ special }) => (special ? 't' : 'f'))),
      numbers(identifiers.map(({ ts }) => ts)),
      numbers(identifiers.map(({ anchor }) => anchor)),
    ],
  )
}

async function insertIdentifiers(
  tx: Queryable,
  graph: Graph,
  first: Map<number, number>,
  facts: Saving['facts'],
  fresh: Saving['fresh'],
): Promise<void> {
  const slots = [...first.keys()]
  const identifiers = slots.map(slot => identifierOf(graph, slot))
  const parts = slots.map(fresh)
  const carriers = slots.map(slot => facts[first.get(slot) ?? -1])
  await tx.query(
    `insert into identifiers (hash, rest, namespace, leaf, generation, special, ts, position, sealed, anchor)
     select hash, rest, namespace, leaf, generation, special, to_timestamp(ms / 1000), position, sealed, anchor
     from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::smallint[], $6::boolean[], $7::float8[], $8::bigint[], $9::bytea[],
       $10::bigint[]) n(hash, rest, namespace, leaf, generation, special, ms, position, sealed, anchor)`,
    [
      numbers(identifiers.map(({ hash }) => hash)),
      numbers(parts.map(({ rest }) => rest)),
      texts(identifiers.map(({ rule }) => rule.name)),
      numbers(identifiers.map(({ leaf }) => leaf)),
      numbers(identifiers.map(({ generation }) => generation)),
      numbers(identifiers.map(({ special }) => (special ? 't' : 'f'))),
      numbers(carriers.map(carrier => carrier?.ts ?? 0)),
      numbers(carriers.map(carrier => carrier?.position ?? 0)),
      byteas(parts.map(({ sealed }) => sealed)),
      numbers(identifiers.map(({ anchor }) => anchor)),
    ],
  )
}

async function saveSpecials(tx: Queryable, { outcome, loaded: { graph } }: Saving): Promise<void> {
  const identifiers = [...outcome.changed].map(slot => identifierOf(graph, slot)).filter(({ special }) => special)
  if (identifiers.length === 0) return
  const specials = identifiers.map(({ special }) => special)
  await tx.query(
    `insert into special_identifiers (hash, own, sharers, shared_since, blocked, cleared, disputed)
     select hash, own, string_to_array(sharers, ' ')::bigint[], since, blocked, cleared, string_to_array(disputed, ' ')::bigint[]
     from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::boolean[], $6::boolean[], $7::text[])
       s(hash, own, sharers, since, blocked, cleared, disputed)
     on conflict (hash) do update set own = excluded.own, sharers = excluded.sharers, shared_since = excluded.shared_since,
       blocked = excluded.blocked, cleared = excluded.cleared, disputed = excluded.disputed`,
    [
      numbers(identifiers.map(({ hash }) => hash)),
      numbers(specials.map(special => special?.own ?? 0)),
      texts(specials.map(special => special?.sharers.join(' ') ?? '')),
      numbers(specials.map(special => special?.sharedSince ?? 0)),
      numbers(specials.map(special => (special?.blocked ? 't' : 'f'))),
      numbers(specials.map(special => (special?.cleared ? 't' : 'f'))),
      texts(specials.map(special => special?.disputed.join(' ') ?? '')),
    ],
  )
}

async function saveEdges(tx: Queryable, { head, outcome, facts, loaded: { graph } }: Saving): Promise<void> {
  const { links } = outcome
  if (links.length === 0) return
  const carriers = links.map(({ fact }) => facts[fact])
  await tx.query(
    `insert into identity_edges (anchor, other, generation, seq, position, ts, source, rule)
     select anchor, other, generation, seq, position, to_timestamp(ms / 1000), source, rule
     from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[], $6::float8[], $7::text[], $8::text[])
       e(anchor, other, generation, seq, position, ms, source, rule)
     on conflict do nothing`,
    [
      numbers(links.map(({ anchor }) => identifierOf(graph, anchor).hash)),
      numbers(links.map(({ other }) => identifierOf(graph, other).hash)),
      numbers(links.map(({ generation }) => generation)),
      numbers(links.map(({ fact }) => head.seq + fact)),
      numbers(carriers.map(carrier => carrier?.position ?? 0)),
      numbers(carriers.map(carrier => carrier?.ts ?? 0)),
      texts(carriers.map(carrier => carrier?.source ?? '')),
      numbers(carriers.map(carrier => carrier?.rule ?? 'together')),
    ],
  )
}

async function saveUnbinds(tx: Queryable, { head, outcome, facts, loaded: { graph } }: Saving): Promise<void> {
  for (const { fact, slot, leaf } of outcome.unbound) {
    const carrier = facts[fact]
    await tx.query(
      `insert into identity_unbinds (seq, hash, leaf, position, ts, source) values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000), $6)`,
      [head.seq + fact, identifierOf(graph, slot).hash, leaf, carrier?.position, carrier?.ts, carrier?.source],
    )
  }
}

async function saveMerges(tx: Queryable, { head, outcome, facts, loaded: { graph } }: Saving): Promise<void> {
  const { merges } = outcome
  if (merges.length === 0) return
  const carriers = merges.map(({ fact }) => facts[fact])
  await tx.query(
    `insert into identity_changes (kind, seq, survivor, merged, leaves, survivor_hash, merged_hash, position, ts, by)
     select 'merge', seq, survivor, merged, string_to_array(leaves, ' ')::bigint[], a, b, position, to_timestamp(ms / 1000), by
     from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::float8[], $9::text[])
       m(seq, survivor, merged, leaves, a, b, position, ms, by)`,
    [
      numbers(merges.map(({ fact }) => head.seq + fact)),
      numbers(merges.map(({ survivor }) => survivor)),
      numbers(merges.map(({ merged }) => merged)),
      texts(merges.map(({ leaves }) => leaves.join(' '))),
      numbers(merges.map(({ survivorSlot }) => identifierOf(graph, survivorSlot).hash)),
      numbers(merges.map(({ mergedSlot }) => identifierOf(graph, mergedSlot).hash)),
      numbers(carriers.map(carrier => carrier?.position ?? 0)),
      numbers(carriers.map(carrier => carrier?.ts ?? 0)),
      texts(carriers.map(carrier => carrier?.source ?? '')),
    ],
  )
}

async function saveConflicts(tx: Queryable, { head, outcome, facts, loaded: { graph } }: Saving): Promise<void> {
  const hash = (slot: number) => identifierOf(graph, slot).hash
  for (const { fact, reason, target, subject } of outcome.conflicts) {
    const carrier = facts[fact]
    if (!carrier) continue
    const hashes = carrier.slots.map(hash).sort()
    await tx.query(
      `insert into identity_conflicts (hashes, reason, target, subject, seq, position, ts, source)
       values ($1::bigint[], $2, $3, $4, $5, $6, to_timestamp($7::float8 / 1000), $8)
       on conflict (hashes) do update set count = identity_conflicts.count + 1`,
      [numbers(hashes), reason, hash(target), hash(subject), head.seq + fact, carrier.position, carrier.ts, carrier.source],
    )
  }
}

async function saveReview(tx: Queryable, { outcome, facts, loaded: { graph } }: Saving): Promise<void> {
  const hash = (slot: number) => identifierOf(graph, slot).hash
  const conflicts = outcome.conflicts.map(({ fact, reason, target, subject }) => ({
    fact,
    kind: 'conflict',
    reason,
    subject: hash(subject),
    opponent: hash(target),
  }))
  const suspicious = outcome.suspicious.map(({ fact, slot, kind }) => ({
    fact,
    kind: kind === 'hub' ? 'hub' : 'blocked-value',
    reason: kind,
    subject: hash(slot),
    opponent: '0',
  }))
  for (const { fact, kind, reason, subject, opponent } of [...conflicts, ...suspicious]) {
    const { position = 0, ts = 0, source = '' } = facts[fact] ?? {}
    await tx.query(
      `insert into identity_review (kind, subject, opponent, reason, first_position, last_position, first_at, last_at, source)
       values ($1, $2, $3, $4, $5, $5, to_timestamp($6::float8 / 1000), to_timestamp($6::float8 / 1000), $7)
       on conflict (kind, subject, opponent) do update set
         reason = excluded.reason, count = identity_review.count + 1, last_position = excluded.last_position, last_at = excluded.last_at`,
      [kind, subject, opponent, reason, position, ts, source],
    )
  }
}
