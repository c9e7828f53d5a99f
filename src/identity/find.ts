import type { Identifier } from '../collect/event.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import { maskOf } from './mask.ts'
import type { NamespaceRules } from './namespace-rules.ts'
import { readIdentifier } from './normalise.ts'

/** Who answers for an identifier. */
export interface Found {
  /** The blind index, signed decimal text. */
  hash: string
  leaf: number
  /** The profile: the root of the leaf. */
  profile: number
  /** `shared` and `blocked` identifiers answer with a leaf of their own. */
  state: IdentifierMark
}

export type IdentifierMark = 'linked' | 'shared' | 'blocked' | 'unlinked'

/** An identifier that a profile holds, as it may be shown. */
export interface HeldIdentifier {
  hash: string
  namespace: string
  /** Never shown to who may not see personal data. */
  clear: string
  masked: string
  leaf: number
  /** Of the leaves that were asked for: where it is held, and the one of its own that it answers with. */
  places: number[]
  state: IdentifierMark
  /** The event's time when it was linked, ms. */
  since: number
}

/** Undefined where the value is unusable, unknown, or nobody's yet. */
export async function findIdentifier(
  db: Queryable,
  rules: NamespaceRules,
  keys: Keys,
  { namespace, value }: Identifier,
): Promise<Found | undefined> {
  const read = readIdentifier(rules, keys, namespace, value)
  if (typeof read === 'string') return undefined
  const [row] = await db.query<StoredMark & { rest: string; leaf: number; own: number }>(
    `select i.rest::text, i.leaf, coalesce(s.own, 0) as own, ${markColumns}
     from identifiers i left join special_identifiers s on s.hash = i.hash
     where i.hash = $1`,
    [read.hash],
  )
  if (!row || row.rest !== read.rest) return undefined
  const state = markOf(row, read.rule.linkClass)
  const leaf = state === 'linked' ? row.leaf : row.own
  return leaf > 0 ? { hash: read.hash, leaf, profile: await profileOfLeaf(db, leaf), state } : undefined
}

export async function profileOfLeaf(db: Queryable, leaf: number): Promise<number> {
  const [row] = await db.query<{ root: number }>('select root from leaves where leaf = $1', [leaf])
  return row?.root ?? leaf
}

/** The leaves of a profile, its root first; empty where there is no such profile. A merged-away id answers with its survivor's. */
export async function leavesOf(db: Queryable, id: number): Promise<number[]> {
  const rows = await db.query<{ leaf: number; root: number }>(
    `with survivor as (select root from leaves where leaf = $1)
     select l.leaf, l.root from leaves l join survivor s on l.leaf = s.root
     union all
     select l.leaf, l.root from leaves l join survivor s on l.root = s.root and l.root <> l.leaf`,
    [id],
  )
  return rows.map(({ leaf }) => leaf)
}

/** The profiles that answer for several ids, those merged away included. */
export async function rootsOf(db: Queryable, ids: readonly number[]): Promise<Map<number, number>> {
  if (ids.length === 0) return new Map()
  const rows = await db.query<{ leaf: number; root: number }>('select leaf, root from leaves where leaf = any($1::bigint[])', [ids])
  return new Map(rows.map(({ leaf, root }) => [leaf, root]))
}

/** The leaves of several profiles, the root first, by the id that was asked for; a merged-away id has its survivor's. */
export async function leavesOfMany(db: Queryable, ids: readonly number[]): Promise<Map<number, number[]>> {
  const rows = await db.query<{ id: number; leaf: number }>(
    `with survivors as (select leaf as id, root from leaves where leaf = any($1::bigint[]))
     select id, root as leaf from survivors
     union all
     select s.id, l.leaf from leaves l join survivors s on l.root = s.root and l.root <> l.leaf`,
    [ids],
  )
  return new Map([...Map.groupBy(rows, ({ id }) => id)].map(([id, some]) => [id, some.map(({ leaf }) => leaf)]))
}

/** Who answers for each of several identifiers, in their order; undefined where nobody does. */
export async function profilesOfIdentifiers(
  db: Queryable,
  rules: NamespaceRules,
  keys: Keys,
  identifiers: readonly Identifier[],
): Promise<(number | undefined)[]> {
  const reads = identifiers.map(({ namespace, value }) => readIdentifier(rules, keys, namespace, value))
  const rows = await db.query<StoredMark & { hash: string; rest: string; root: number | null; own_root: number | null }>(
    `select i.hash::text, i.rest::text, l.root, o.root as own_root, ${markColumns}
     from identifiers i left join leaves l on l.leaf = i.leaf left join special_identifiers s on s.hash = i.hash left join leaves o on o.leaf = s.own
     where i.hash = any($1::bigint[])`,
    [reads.flatMap(read => (typeof read === 'string' ? [] : [read.hash]))],
  )
  const known = new Map(rows.map(row => [row.hash, row]))
  return reads.map(read => {
    const row = typeof read === 'string' ? undefined : known.get(read.hash)
    if (!row || typeof read === 'string' || row.rest !== read.rest) return undefined
    return markOf(row, read.rule.linkClass) === 'linked' ? (row.root ?? undefined) : (row.own_root ?? undefined)
  })
}

/** What these leaves hold, strongest first; shared and blocked identifiers also where they answer with a leaf of their own. */
export async function identifiersOf(
  db: Queryable,
  rules: NamespaceRules,
  keys: Keys,
  leaves: readonly number[],
): Promise<HeldIdentifier[]> {
  const rows = await db.query<StoredMark & { hash: string; namespace: string; leaf: number; ms: number; sealed: Buffer; own: number }>(
    `select i.hash::text, i.namespace, i.leaf, coalesce(s.own, 0) as own, (extract(epoch from i.ts) * 1000)::float8 as ms, i.sealed, ${markColumns}
     from identifiers i left join special_identifiers s on s.hash = i.hash
     where (i.leaf = any($1::bigint[]) and i.leaf > 0) or i.hash in (select hash from special_identifiers where own = any($1::bigint[]))`,
    [[...leaves]],
  )
  const known = new Set(leaves)
  const rank = (namespace: string) => rules.of(namespace)?.rank ?? Number.POSITIVE_INFINITY
  return rows
    .map(row => {
      const clear = keys.open(row.sealed, `identifier:${row.namespace}`).toString()
      return {
        hash: row.hash,
        namespace: row.namespace,
        clear,
        masked: maskOf(row.namespace, clear),
        leaf: known.has(row.leaf) ? row.leaf : row.own,
        places: [row.leaf, row.own].filter(leaf => leaf > 0 && known.has(leaf)),
        state: markOf(row, rules.of(row.namespace)?.linkClass ?? 'none'),
        since: row.ms,
      }
    })
    .sort((a, b) => rank(a.namespace) - rank(b.namespace) || a.since - b.since)
}

interface StoredMark {
  blocked: string
  shared: boolean
}

const markColumns = `coalesce(s.blocked, 'no') as blocked,
       coalesce((select bool_or(sharer.root <> holder.root) from leaves sharer, leaves holder
         where sharer.leaf = any(s.sharers) and holder.leaf = i.leaf), false) as shared`

function markOf({ blocked, shared }: StoredMark, linkClass: 'strong' | 'weak' | 'none'): IdentifierMark {
  if (linkClass === 'none') return 'unlinked'
  if (blocked !== 'no') return 'blocked'
  return shared ? 'shared' : 'linked'
}
