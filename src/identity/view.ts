import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import type { Queryable } from '../store/postgres.ts'
import { numbers } from '../store/sql-arrays.ts'
import { confidenceOf } from './confidence.ts'
import { type IdentifierMark, identifiersOf, leavesOf } from './find.ts'
import { type MaskedIdentifier, maskedIdentifiers } from './masked.ts'
import type { NamespaceRules } from './namespace-rules.ts'
import { type ReviewEntry, reviewEntriesAbout } from './review-entries.ts'

/** Why a profile is who it is: everything it holds, and what led there. */
export interface IdentityView {
  id: string
  identifiers: (MaskedIdentifier & { state: IdentifierMark; leaf: number; since: string })[]
  links: LinkView[]
  /** Links beyond those shown. */
  moreLinks: number
  history: ChangeView[]
  conflicts: ConflictView[]
  blocks: { a: MaskedIdentifier; b: MaskedIdentifier; by: string; at: string }[]
  review: ReviewEntry[]
}

export interface LinkView {
  a: MaskedIdentifier
  b: MaskedIdentifier
  state: 'linked' | 'apart' | 'cut' | 'former'
  source: string
  /** Of the event; absent for what was done by hand. */
  position?: string
  rule: string
  at: string
  /** How sure the rule is that both are one person, in [0, 1]. */
  confidence: number
}

export interface ChangeView {
  id: number
  kind: string
  survivor: string
  merged: string
  leaves: number[]
  /** The identifiers at which two sides met. */
  met?: { survivor: MaskedIdentifier; merged: MaskedIdentifier }
  position?: string
  at: string
  by: string
}

export interface ConflictView {
  identifiers: MaskedIdentifier[]
  reason: string
  /** Whose profile the event went to, and who stayed outside. */
  target: MaskedIdentifier
  subject: MaskedIdentifier
  count: number
  source: string
  position: string
  at: string
}

const mostLinks = 1_000
const mostConflicts = 100

/** @throws Refusal 404 where nobody has this id; one that was merged away answers with the survivor */
export async function identityView(db: Queryable, rules: NamespaceRules, keys: Keys, id: number): Promise<IdentityView> {
  const leaves = await leavesOf(db, id)
  const [root] = leaves
  if (root === undefined) throw new Refusal(404, 'no-such-profile', 'There is no profile with this id.')
  const identifiers = await identifiersOf(db, rules, keys, leaves)
  const hashes = identifiers.map(({ hash }) => hash)
  const [links, changes, conflicts, blocks, review] = await Promise.all([
    linksAround(db, hashes),
    changesOf(db, leaves),
    conflictsWith(db, hashes),
    blocksOf(db, hashes),
    reviewEntriesAbout(db, keys, hashes),
  ])
  const masked = await maskedIdentifiers(db, keys, [
    ...hashes,
    ...links.shown.flatMap(({ anchor, other }) => [anchor, other]),
    ...changes.flatMap(({ survivorHash, mergedHash }) => [survivorHash ?? [], mergedHash ?? []].flat()),
    ...conflicts.flatMap(conflict => conflict.hashes),
    ...blocks.flatMap(({ a, b }) => [a, b]),
  ])
  return {
    id: `${root}`,
    identifiers: identifiers.map(({ hash, namespace, masked: value, state, leaf, since }) => ({
      ref: hash,
      namespace,
      value,
      state,
      leaf,
      since: new Date(since).toISOString(),
    })),
    links: links.shown.map(row => linkView(row, masked, rules)),
    moreLinks: links.more,
    history: changes.map(row => changeView(row, masked)),
    conflicts: conflicts.map(row => conflictView(row, masked)),
    blocks: blocks.map(({ a, b, by, at }) => ({ a: masked(a), b: masked(b), by, at: at.toISOString() })),
    review,
  }
}

export interface LinkRow {
  anchor: string
  other: string
  linked: boolean
  cut: boolean
  /** Neither end was taken off its person since. */
  current: boolean
  source: string
  position: number
  rule: string
  ts: Date
}

/** The latest word of each pair comes last; what did not link is told once, not from both ends. */
async function linksAround(db: Queryable, hashes: readonly string[]): Promise<{ shown: LinkRow[]; more: number }> {
  const rows = await db.query<LinkRow & { total: number }>(
    `with mine as (select unnest($1::bigint[]) as hash),
       found as (
         select e.* from identity_edges e join mine on e.anchor = mine.hash
         where e.linked or e.anchor < e.other or e.other not in (select hash from mine)
         union
         select e.* from identity_blocks b join mine on b.a = mine.hash join identity_edges e on e.anchor = b.b and e.other = b.a
       )
     select e.anchor::text, e.other::text, e.linked, e.cut, e.source, e.position, e.rule, e.ts, ${currentLink} as current,
       count(*) over () as total
     from found e left join identifiers x on x.hash = e.anchor left join identifiers y on y.hash = e.other
     order by e.seq, e.other limit $2`,
    [numbers(hashes), mostLinks],
  )
  return { shown: rows, more: (rows[0]?.total ?? 0) - rows.length }
}

/** An edge counts for the taking-offs that its ends had seen then. */
export const currentLink = 'coalesce(e.generation = x.generation + y.generation, false)'

export function linkView(row: LinkRow, masked: (hash: string) => MaskedIdentifier, rules: NamespaceRules): LinkView {
  const [a, b] = [masked(row.anchor), masked(row.other)]
  const strong = [a, b].every(({ namespace }) => rules.of(namespace)?.linkClass === 'strong')
  const state = row.cut ? 'cut' : !row.linked ? 'apart' : row.current ? 'linked' : 'former'
  return {
    a,
    b,
    state,
    source: row.source,
    ...(row.rule !== 'hand' && { position: `${row.position}` }),
    rule: row.rule,
    at: row.ts.toISOString(),
    confidence: state === 'linked' ? confidenceOf(row.rule, strong) : 0,
  }
}

interface ChangeRow {
  id: number
  kind: string
  survivor: number
  merged: number
  leaves: string
  survivorHash: string | null
  mergedHash: string | null
  position: number | null
  ts: Date
  by: string
}

function changesOf(db: Queryable, leaves: readonly number[]): Promise<ChangeRow[]> {
  return db.query<ChangeRow>(
    `select id, kind, survivor, merged, array_to_string(leaves, ' ') as leaves, survivor_hash::text as "survivorHash",
       merged_hash::text as "mergedHash", position, ts, by
     from identity_changes where survivor = any($1::bigint[]) or merged = any($1::bigint[]) order by id`,
    [numbers(leaves)],
  )
}

function changeView(row: ChangeRow, masked: (hash: string) => MaskedIdentifier): ChangeView {
  const { id, kind, survivor, merged, leaves, survivorHash, mergedHash, position, ts, by } = row
  return {
    id,
    kind,
    survivor: `${survivor}`,
    merged: `${merged}`,
    leaves: leaves.split(' ').filter(Boolean).map(Number),
    ...(survivorHash && mergedHash && { met: { survivor: masked(survivorHash), merged: masked(mergedHash) } }),
    ...(position && { position: `${position}` }),
    at: ts.toISOString(),
    by,
  }
}

export interface ConflictRow {
  hashes: string[]
  reason: string
  target: string
  subject: string
  count: number
  source: string
  position: number
  ts: Date
}

/** Conflicts that one of these was part of, latest first. */
export async function conflictsWith(db: Queryable, hashes: readonly string[]): Promise<ConflictRow[]> {
  return db.query<ConflictRow>(
    `select hashes::text[] as hashes, reason, target::text, subject::text, count, source, position, ts
     from identity_conflicts where hashes && $1::bigint[] order by seq desc limit $2`,
    [numbers(hashes), mostConflicts],
  )
}

export function conflictView(row: ConflictRow, masked: (hash: string) => MaskedIdentifier): ConflictView {
  const { hashes, reason, target, subject, count, source, position, ts } = row
  return {
    identifiers: hashes.map(masked),
    reason,
    target: masked(target),
    subject: masked(subject),
    count,
    source,
    position: `${position}`,
    at: ts.toISOString(),
  }
}

function blocksOf(db: Queryable, hashes: readonly string[]): Promise<{ a: string; b: string; by: string; at: Date }[]> {
  return db.query<{ a: string; b: string; by: string; at: Date }>(
    `select a::text, b::text, by, at from identity_blocks
     where a = any($1::bigint[]) and not (b = any($1::bigint[]) and b < a) order by at, a, b`,
    [numbers(hashes)],
  )
}
