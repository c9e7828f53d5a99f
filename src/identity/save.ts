import type { Queryable } from '../store/postgres.ts'
import { byteas, numbers, texts } from '../store/sql-arrays.ts'
import type { Outcome, SlotFact } from './decide.ts'
import { type IdentifierState, identifierOf, rootOf, type Special } from './graph.ts'
import type { Head, Loaded } from './load.ts'

/** What the store needs to know beyond the decision. */
export interface Saving {
  head: Head
  facts: readonly (SlotFact & { source: string })[]
  outcome: Outcome
  loaded: Loaded
  /** Of a new identifier: the other half of its index, and its sealed value. */
  fresh: (slot: number) => { rest: string; sealed: Buffer }
}

type Statement = readonly [text: string, values: readonly unknown[]]

/** Writes what was decided. A statement is put together while the store works on the one before. */
export async function save(tx: Queryable, saving: Saving): Promise<void> {
  const parts = [edges, newLeaves, newIdentifiers, movedLeaves, changedIdentifiers, specials, unbinds, merges, conflicts, review, head]
  let running: Promise<unknown> = Promise.resolve()
  for (const part of parts) {
    const statement = part(saving)
    if (!statement) continue
    await running
    running = tx.query(...statement)
    // A failure is reported where it is awaited; until then it must not count as unhandled.
    running.catch(() => undefined)
  }
  await running
}

function head({ head: { seq }, facts, loaded: { graph } }: Saving): Statement {
  return ['update identity_head set next_leaf = $1, seq = $2', [graph.nextLeaf, seq + facts.length]]
}

function newLeaves({ outcome: { created }, facts, loaded: { graph } }: Saving): Statement | undefined {
  if (created.length === 0) return undefined
  return [
    'insert into leaves (leaf, root, position) select * from unnest($1::bigint[], $2::bigint[], $3::bigint[])',
    [
      numbers(created.map(({ leaf }) => leaf)),
      numbers(created.map(({ leaf }) => rootOf(graph, leaf))),
      numbers(created.map(({ fact }) => facts[fact]?.position ?? 0)),
    ],
  ]
}

function movedLeaves({ head: { nextLeaf }, outcome, loaded: { graph } }: Saving): Statement | undefined {
  const moved = [...outcome.moved].filter(leaf => leaf < nextLeaf)
  if (moved.length === 0) return undefined
  return [
    'update leaves l set root = m.root from unnest($1::bigint[], $2::bigint[]) m(leaf, root) where l.leaf = m.leaf',
    [numbers(moved), numbers(moved.map(leaf => rootOf(graph, leaf)))],
  ]
}

function newIdentifiers({ facts, loaded: { graph, stored }, fresh }: Saving): Statement | undefined {
  const first = new Map<number, number>()
  facts.forEach(({ slots }, index) => {
    for (const slot of slots) if (!stored.has(slot) && !first.has(slot)) first.set(slot, index)
  })
  if (first.size === 0) return undefined
  const slots = [...first.keys()]
  const carriers = [...first.values()].map(index => facts[index])
  const identifiers = slots.map(slot => identifierOf(graph, slot))
  const parts = slots.map(fresh)
  return [
    `insert into identifiers (hash, rest, namespace, leaf, generation, special, anchor, ts, position, sealed)
     select hash, rest, namespace, leaf, generation, special, anchor, to_timestamp(ms / 1000), position, sealed
     from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::smallint[], $6::boolean[], $7::bigint[], $8::float8[], $9::bigint[],
       $10::bytea[]) n(hash, rest, namespace, leaf, generation, special, anchor, ms, position, sealed)`,
    [
      numbers(identifiers.map(({ hash }) => hash)),
      numbers(parts.map(({ rest }) => rest)),
      texts(identifiers.map(({ rule }) => rule.name)),
      ...stateColumns(identifiers),
      numbers(carriers.map(carrier => carrier?.ts ?? 0)),
      numbers(carriers.map(carrier => carrier?.position ?? 0)),
      byteas(parts.map(({ sealed }) => sealed)),
    ],
  ]
}

function changedIdentifiers({ outcome, loaded: { graph, stored } }: Saving): Statement | undefined {
  const identifiers = [...outcome.changed].filter(slot => stored.has(slot)).map(slot => identifierOf(graph, slot))
  if (identifiers.length === 0) return undefined
  return [
    `update identifiers i set leaf = c.leaf, generation = c.generation, special = c.special, anchor = c.anchor,
       ts = case when c.ms < 0 then i.ts else to_timestamp(c.ms / 1000) end
     from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::boolean[], $5::bigint[], $6::float8[])
       c(hash, leaf, generation, special, anchor, ms)
     where i.hash = c.hash`,
    [numbers(identifiers.map(({ hash }) => hash)), ...stateColumns(identifiers), numbers(identifiers.map(({ ts }) => ts))],
  ]
}

function stateColumns(identifiers: readonly IdentifierState[]): string[] {
  return [
    numbers(identifiers.map(({ leaf }) => leaf)),
    numbers(identifiers.map(({ generation }) => generation)),
    numbers(identifiers.map(({ special }) => (special ? 't' : 'f'))),
    numbers(identifiers.map(({ anchor }) => anchor)),
  ]
}

function specials({ outcome, loaded: { graph } }: Saving): Statement | undefined {
  const rows: { hash: string; special: Special }[] = []
  for (const slot of outcome.changed) {
    const { hash, special } = identifierOf(graph, slot)
    if (special) rows.push({ hash, special })
  }
  return rows.length === 0 ? undefined : upsertSpecials(rows)
}

export function upsertSpecials(rows: readonly { hash: string; special: Special }[]): Statement {
  return [
    `insert into special_identifiers (hash, own, sharers, shared_since, blocked, blocked_seq, cleared, disputed)
     select hash, own, string_to_array(sharers, ' ')::bigint[], since, blocked, blocked_seq, cleared, string_to_array(disputed, ' ')::bigint[]
     from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::boolean[], $8::text[])
       s(hash, own, sharers, since, blocked, blocked_seq, cleared, disputed)
     on conflict (hash) do update set own = excluded.own, sharers = excluded.sharers, shared_since = excluded.shared_since,
       blocked = excluded.blocked, blocked_seq = excluded.blocked_seq, cleared = excluded.cleared, disputed = excluded.disputed`,
    [
      numbers(rows.map(({ hash }) => hash)),
      numbers(rows.map(({ special }) => special.own)),
      texts(rows.map(({ special }) => special.sharers.join(' '))),
      numbers(rows.map(({ special }) => special.sharedSince)),
      numbers(rows.map(({ special }) => special.blocked)),
      numbers(rows.map(({ special }) => special.blockedSeq)),
      numbers(rows.map(({ special }) => (special.cleared ? 't' : 'f'))),
      texts(rows.map(({ special }) => special.disputed.join(' '))),
    ],
  ]
}

function edges({ head: { seq }, outcome: { links }, facts, loaded: { graph } }: Saving): Statement | undefined {
  if (links.length === 0) return undefined
  const carriers = links.map(({ fact }) => facts[fact])
  return [
    `insert into identity_edges (anchor, other, generation, linked, reversed, seq, place, position, ts, source, rule)
     select anchor, other, generation, linked, reversed, seq, place, position, to_timestamp(ms / 1000), source, rule
     from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::boolean[], $5::boolean[], $6::bigint[], $7::smallint[], $8::bigint[], $9::float8[],
       $10::text[], $11::text[]) e(anchor, other, generation, linked, reversed, seq, place, position, ms, source, rule)
     on conflict do nothing`,
    [
      numbers(links.map(({ anchor }) => identifierOf(graph, anchor).hash)),
      numbers(links.map(({ other }) => identifierOf(graph, other).hash)),
      numbers(links.map(({ generation }) => generation)),
      numbers(links.map(({ linked }) => (linked ? 't' : 'f'))),
      numbers(links.map(({ reversed }) => (reversed ? 't' : 'f'))),
      numbers(links.map(({ fact }) => seq + fact)),
      numbers(links.map(({ fact, other }) => facts[fact]?.slots.indexOf(other) ?? 0)),
      numbers(carriers.map(carrier => carrier?.position ?? 0)),
      numbers(carriers.map(carrier => carrier?.ts ?? 0)),
      texts(carriers.map(carrier => carrier?.source ?? '')),
      numbers(carriers.map(carrier => carrier?.rule ?? 'together')),
    ],
  ]
}

function unbinds({ head: { seq }, outcome: { unbound }, facts, loaded: { graph } }: Saving): Statement | undefined {
  if (unbound.length === 0) return undefined
  const carriers = unbound.map(({ fact }) => facts[fact])
  return [
    `insert into identity_unbinds (seq, hash, leaf, position, ts, source)
     select seq, hash, leaf, position, to_timestamp(ms / 1000), source
     from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::float8[], $6::text[]) u(seq, hash, leaf, position, ms, source)`,
    [
      numbers(unbound.map(({ fact }) => seq + fact)),
      numbers(unbound.map(({ slot }) => identifierOf(graph, slot).hash)),
      numbers(unbound.map(({ leaf }) => leaf)),
      numbers(carriers.map(carrier => carrier?.position ?? 0)),
      numbers(carriers.map(carrier => carrier?.ts ?? 0)),
      texts(carriers.map(carrier => carrier?.source ?? '')),
    ],
  ]
}

function merges({ head: { seq }, outcome, facts, loaded: { graph } }: Saving): Statement | undefined {
  const { merges } = outcome
  if (merges.length === 0) return undefined
  const carriers = merges.map(({ fact }) => facts[fact])
  return [
    `insert into identity_changes (kind, seq, survivor, merged, leaves, survivor_hash, merged_hash, position, ts, by)
     select 'merge', seq, survivor, merged, string_to_array(leaves, ' ')::bigint[], a, b, position, to_timestamp(ms / 1000), by
     from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::float8[], $9::text[])
       m(seq, survivor, merged, leaves, a, b, position, ms, by)`,
    [
      numbers(merges.map(({ fact }) => seq + fact)),
      numbers(merges.map(({ survivor }) => survivor)),
      numbers(merges.map(({ merged }) => merged)),
      texts(merges.map(({ leaves }) => leaves.join(' '))),
      numbers(merges.map(({ survivorSlot }) => identifierOf(graph, survivorSlot).hash)),
      numbers(merges.map(({ mergedSlot }) => identifierOf(graph, mergedSlot).hash)),
      numbers(carriers.map(carrier => carrier?.position ?? 0)),
      numbers(carriers.map(carrier => carrier?.ts ?? 0)),
      texts(carriers.map(carrier => carrier?.source ?? '')),
    ],
  ]
}

/** One row per set of identifiers; the same set again in one batch is counted with it. */
function conflicts({ head: { seq }, outcome, facts, loaded: { graph } }: Saving): Statement | undefined {
  const bySet = new Map<string, { conflict: Outcome['conflicts'][number]; count: number }>()
  for (const conflict of outcome.conflicts) {
    const slots = facts[conflict.fact]?.slots ?? []
    const hashes = slots.map(slot => identifierOf(graph, slot).hash)
    const key = hashes.sort().join(' ')
    const known = bySet.get(key)
    if (known) known.count += 1
    else bySet.set(key, { conflict, count: 1 })
  }
  if (bySet.size === 0) return undefined
  const rows = [...bySet.values()]
  const carriers = rows.map(({ conflict }) => facts[conflict.fact])
  return [
    `insert into identity_conflicts (hashes, reason, target, subject, seq, position, ts, source, count)
     select string_to_array(hashes, ' ')::bigint[], reason, target, subject, seq, position, to_timestamp(ms / 1000), source, count
     from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::float8[], $8::text[], $9::bigint[])
       c(hashes, reason, target, subject, seq, position, ms, source, count)
     on conflict (hashes) do update set count = identity_conflicts.count + excluded.count`,
    [
      texts([...bySet.keys()]),
      texts(rows.map(({ conflict }) => conflict.reason)),
      numbers(rows.map(({ conflict }) => identifierOf(graph, conflict.target).hash)),
      numbers(rows.map(({ conflict }) => identifierOf(graph, conflict.subject).hash)),
      numbers(rows.map(({ conflict }) => seq + conflict.fact)),
      numbers(carriers.map(carrier => carrier?.position ?? 0)),
      numbers(carriers.map(carrier => carrier?.ts ?? 0)),
      texts(carriers.map(carrier => carrier?.source ?? '')),
      numbers(rows.map(({ count }) => count)),
    ],
  ]
}

interface ReviewRow {
  kind: 'conflict' | 'hub' | 'blocked-value'
  subject: string
  opponent: string
  reason: string
  count: number
  first: number
  last: number
}

/** What a person should look at, one entry per question. */
function review({ outcome, facts, loaded: { graph } }: Saving): Statement | undefined {
  const rows = new Map<string, ReviewRow>()
  const add = (fact: number, kind: ReviewRow['kind'], reason: string, subject: number, opponent?: number) => {
    const row = {
      kind,
      reason,
      subject: identifierOf(graph, subject).hash,
      opponent: opponent === undefined ? '0' : identifierOf(graph, opponent).hash,
    }
    const key = `${kind} ${row.subject} ${row.opponent}`
    const known = rows.get(key)
    rows.set(key, { ...row, count: (known?.count ?? 0) + 1, first: known?.first ?? fact, last: fact })
  }
  for (const { fact, reason, subject, target } of outcome.conflicts)
    if (reason !== 'two-people') add(fact, 'conflict', reason, subject, target)
  for (const { fact, slot, kind } of outcome.suspicious) add(fact, kind === 'hub' ? 'hub' : 'blocked-value', kind, slot)
  if (rows.size === 0) return undefined
  const list = [...rows.values()]
  return [
    `insert into identity_review (kind, subject, opponent, reason, count, first_position, last_position, first_at, last_at, source)
     select kind, subject, opponent, reason, count, first, last, to_timestamp(first_ms / 1000), to_timestamp(last_ms / 1000), source
     from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::float8[], $9::float8[],
       $10::text[]) r(kind, subject, opponent, reason, count, first, last, first_ms, last_ms, source)
     on conflict (kind, subject, opponent) do update set reason = excluded.reason, count = identity_review.count + excluded.count,
       last_position = excluded.last_position, last_at = excluded.last_at`,
    [
      texts(list.map(({ kind }) => kind)),
      numbers(list.map(({ subject }) => subject)),
      numbers(list.map(({ opponent }) => opponent)),
      texts(list.map(({ reason }) => reason)),
      numbers(list.map(({ count }) => count)),
      numbers(list.map(({ first }) => facts[first]?.position ?? 0)),
      numbers(list.map(({ last }) => facts[last]?.position ?? 0)),
      numbers(list.map(({ first }) => facts[first]?.ts ?? 0)),
      numbers(list.map(({ last }) => facts[last]?.ts ?? 0)),
      texts(list.map(({ last }) => facts[last]?.source ?? '')),
    ],
  ]
}
