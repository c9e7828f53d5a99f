import type { Json } from '../collect/event.ts'
import type { Position } from '../log/position.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import { type Candidate, withCandidate } from './candidates.ts'

/** A trait that a fact changed; null unsets it. */
export interface TraitFact {
  leaf: number
  key: string
  value: Json
  source: string
  ts: number
  position: Position
  /** Kept sealed, and shown masked. */
  personal: boolean
}

/** The candidates per trait key of one leaf, or of a whole profile. */
export type TraitCandidates = Map<string, Candidate[]>

export interface LeafTraits {
  traits: TraitCandidates
  personal: TraitCandidates
}

/** Keeps every change of a personal trait: what is known of a leaf is folded from them when its facts change places. */
async function logPersonal(tx: Queryable, keys: Keys, facts: readonly TraitFact[]): Promise<void> {
  const personal = facts.filter(fact => fact.personal)
  if (personal.length === 0) return
  await tx.query(
    `insert into personal_traits (position, key, leaf, source, ts, value)
     select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::float8[], $6::bytea[]) on conflict do nothing`,
    [
      personal.map(fact => fact.position),
      personal.map(fact => fact.key),
      personal.map(fact => fact.leaf),
      personal.map(fact => fact.source),
      personal.map(fact => fact.ts),
      personal.map(({ value, position, key }) => keys.seal(JSON.stringify(value), logContext(position, key))),
    ],
  )
}

/** The log of the leaves' personal traits. */
export async function personalLog(db: Queryable, keys: Keys, leaves: readonly number[]): Promise<Omit<TraitFact, 'personal'>[]> {
  const rows = await db.query<{ position: Position; key: string; leaf: number; source: string; ts: number; value: Buffer }>(
    'select position, key, leaf, source, ts, value from personal_traits where leaf = any($1::bigint[])',
    [leaves],
  )
  return rows.map(({ value, ...row }) => ({
    ...row,
    value: JSON.parse(keys.open(value, logContext(row.position, row.key)).toString()) as Json,
  }))
}

function logContext(position: Position, key: string): string {
  return `personal-trait:${position}:${key}`
}

/** Folds the changes into what is known of their leaves, inside the transaction that decides them. */
export async function applyTraits(tx: Queryable, keys: Keys, facts: readonly TraitFact[], now: number): Promise<void> {
  if (facts.length === 0) return
  await logPersonal(tx, keys, facts)
  const byLeaf = Map.groupBy(facts, fact => fact.leaf)
  const leaves = [...byLeaf.keys()].sort((a, b) => a - b)
  const known = await traitsOf(tx, keys, leaves, 'for update')
  const rows = leaves.map(leaf => folded(known.get(leaf), byLeaf.get(leaf) ?? [], now))
  await tx.query(
    `insert into leaf_traits (leaf, traits, personal)
     select * from unnest($1::bigint[], $2::text[], $3::bytea[])
     on conflict (leaf) do update set traits = excluded.traits, personal = coalesce(excluded.personal, leaf_traits.personal)`,
    [
      leaves,
      rows.map(row => textOf(row.traits)),
      rows.map((row, index) => (row.personalChanged ? keys.seal(textOf(row.personal), sealContext(leaves[index] ?? 0)) : null)),
    ],
  )
}

/** Replaces what is known of leaves whose facts have changed places. */
export async function replaceTraits(tx: Queryable, keys: Keys, leaves: ReadonlyMap<number, LeafTraits>): Promise<void> {
  const rows = [...leaves]
  await tx.query('delete from leaf_traits where leaf = any($1::bigint[])', [rows.map(([leaf]) => leaf)])
  const kept = rows.filter(([, { traits, personal }]) => traits.size + personal.size > 0)
  await tx.query('insert into leaf_traits (leaf, traits, personal) select * from unnest($1::bigint[], $2::text[], $3::bytea[])', [
    kept.map(([leaf]) => leaf),
    kept.map(([, { traits }]) => textOf(traits)),
    kept.map(([leaf, { personal }]) => (personal.size > 0 ? keys.seal(textOf(personal), sealContext(leaf)) : null)),
  ])
}

/** What is known of the leaves' traits; a leaf without traits has no entry. */
export async function traitsOf(
  db: Queryable,
  keys: Keys,
  leaves: readonly number[],
  lock: '' | 'for update' = '',
): Promise<Map<number, LeafTraits>> {
  const rows = await db.query<{ leaf: number; traits: string; personal: Buffer | null }>(
    `select leaf, traits, personal from leaf_traits where leaf = any($1::bigint[]) order by leaf ${lock}`,
    [leaves],
  )
  return new Map(
    rows.map(({ leaf, traits, personal }) => [
      leaf,
      {
        traits: fromText(traits),
        personal: personal ? fromText(keys.open(personal, sealContext(leaf)).toString()) : new Map(),
      },
    ]),
  )
}

function folded(known: LeafTraits | undefined, facts: readonly TraitFact[], now: number): LeafTraits & { personalChanged: boolean } {
  const traits: TraitCandidates = known?.traits ?? new Map()
  const personal: TraitCandidates = known?.personal ?? new Map()
  let personalChanged = false
  for (const { key, value, source, ts, position, personal: isPersonal } of facts) {
    const becomesPersonal = isPersonal && traits.has(key)
    if (becomesPersonal) personal.set(key, traits.get(key) ?? [])
    if (becomesPersonal) traits.delete(key)
    const home = isPersonal || personal.has(key) ? personal : traits
    home.set(key, withCandidate(home.get(key) ?? [], [source, value, ts, position], now))
    personalChanged ||= home === personal
  }
  return { traits, personal, personalChanged }
}

function textOf(traits: TraitCandidates): string {
  return JSON.stringify(Object.fromEntries(traits))
}

function fromText(text: string): TraitCandidates {
  return new Map(Object.entries(JSON.parse(text) as Record<string, Candidate[]>))
}

function sealContext(leaf: number): string {
  return `leaf-traits:${leaf}`
}
