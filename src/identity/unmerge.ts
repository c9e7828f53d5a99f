import { Refusal } from '../refusal.ts'
import type { Queryable } from '../store/postgres.ts'
import { numbers } from '../store/sql-arrays.ts'
import { apply, type Hand } from './apply.ts'
import { derive } from './derive.ts'
import { evidenceAbout } from './evidence.ts'
import { leavesOf, profileOfLeaf } from './find.ts'
import { type Head, lockHead } from './load.ts'
import type { NamespaceRule } from './namespace-rules.ts'
import { leavesOfProfiles } from './rebuild.ts'
import { type Regrouping, regroup } from './regroup.ts'

/** What should come apart. Identifiers are named by their hash. */
export type Separation =
  /** A merge in the history: what came with the merged profile leaves again. */
  | { change: number }
  /** Two identifiers are not one person. */
  | { apart: readonly [string, string] }
  /** One identifier does not belong to its person. */
  | { take: string }

/** An edge that is cut: its ends must not get into one profile again until that is lifted by hand. */
interface Cut {
  anchor: string
  other: string
  seq: number
}

/**
 * Undoes a link for good. Whose everything is, is derived anew from the other evidence, so both people are what they would have been without it;
 * facts whose leaf falls apart follow the identifier that had chosen it.
 */
export async function unmerge(
  tx: Queryable,
  ruleOf: (namespace: string) => NamespaceRule,
  separation: Separation,
  hand: Hand,
): Promise<Regrouping> {
  const head = await lockHead(tx)
  const { profile, cuts, pairs } = await cutsFor(tx, separation)
  await cut(tx, cuts)
  await keepRestTogether(tx, cuts)
  await block(tx, pairs, hand)
  const since = Math.min(...cuts.map(({ seq }) => seq))
  return rederive(tx, head, ruleOf, profile, since, hand)
}

async function rederive(
  tx: Queryable,
  head: Head,
  ruleOf: (namespace: string) => NamespaceRule,
  profile: number,
  since: number,
  hand: Hand,
): Promise<Regrouping> {
  const evidence = await evidenceAbout(tx, profile, ruleOf, Number.isFinite(since) ? since : 0)
  const roots = new Set([profile, ...evidence.identifiers.flatMap(({ leaf }) => evidence.roots.get(leaf) ?? [])])
  const leaves = await leavesOfProfiles(tx, roots)
  const regrouping = regroup(derive(evidence, head.nextLeaf, false), leaves, head.nextLeaf, head.nextLeaf)
  await apply(tx, regrouping, head.seq, 'unmerge', hand)
  return regrouping
}

interface Cuts {
  profile: number
  cuts: Cut[]
  /** Who must not meet again. */
  pairs: (readonly [string, string])[]
}

async function cutsFor(tx: Queryable, separation: Separation): Promise<Cuts> {
  if ('change' in separation) return cutsOfMerge(tx, separation.change)
  if ('apart' in separation) return cutsBetween(tx, ...separation.apart)
  return cutsAround(tx, separation.take)
}

async function cutsOfMerge(tx: Queryable, id: number): Promise<Cuts> {
  const [change] = await tx.query<{
    kind: string
    seq: number
    survivor: number
    leaves: string
    survivorHash: string
    mergedHash: string
  }>(
    `select kind, seq, survivor, array_to_string(leaves, ' ') as leaves, survivor_hash::text as "survivorHash", merged_hash::text as "mergedHash"
     from identity_changes where id = $1`,
    [id],
  )
  if (!change) throw new Refusal(404, 'no-such-merge', 'There is no such merge in the history.')
  if (!change.kind.endsWith('merge') || change.kind === 'unmerge')
    throw new Refusal(409, 'not-a-merge', 'Only a merge can be split; this entry of the history is none.')
  const profile = await profileOfLeaf(tx, change.survivor)
  const [home] = await profilesOf(tx, [change.mergedHash])
  if (home !== profile) throw new Refusal(409, 'already-apart', 'The two sides of this merge are not one profile any more.')
  const cuts = await edges(
    tx,
    `seq = $1 and (select leaf = any($2::bigint[]) from identifiers where hash = e.anchor)
       is distinct from (select leaf = any($2::bigint[]) from identifiers where hash = e.other)`,
    [change.seq, `{${change.leaves.split(' ').join()}}`],
  )
  return { profile, cuts, pairs: [[change.survivorHash, change.mergedHash], ...cuts.map(({ anchor, other }) => [anchor, other] as const)] }
}

async function cutsBetween(tx: Queryable, a: string, b: string): Promise<Cuts> {
  const [one, two] = await profilesOf(tx, [a, b])
  if (one === undefined || two === undefined) throw new Refusal(404, 'no-such-identifier', 'One of the identifiers is nobody’s.')
  if (one !== two || a === b) throw new Refusal(409, 'already-apart', 'The two identifiers are not in one profile.')
  const cuts = await edges(tx, '(anchor = $1 and other = $2) or (anchor = $2 and other = $1)', [a, b])
  return { profile: one, cuts, pairs: [[a, b]] }
}

async function cutsAround(tx: Queryable, hash: string): Promise<Cuts> {
  const [profile] = await profilesOf(tx, [hash])
  if (profile === undefined) throw new Refusal(404, 'no-such-identifier', 'The identifier is nobody’s.')
  const leaves = await leavesOf(tx, profile)
  const cuts = await edges(
    tx,
    `(anchor = $1 and (select leaf from identifiers where hash = e.other) = any($2::bigint[]))
      or (other = $1 and anchor in (select hash from identifiers where leaf = any($2::bigint[])))`,
    [hash, numbers(leaves)],
  )
  if (cuts.length === 0) throw new Refusal(409, 'already-apart', 'The identifier has no link to anybody.')
  return { profile, cuts, pairs: cuts.map(({ anchor, other }) => [anchor, other] as const) }
}

function edges(tx: Queryable, where: string, values: unknown[]): Promise<Cut[]> {
  return tx.query<Cut>(`select anchor::text, other::text, seq from identity_edges e where linked and not cut and (${where})`, values)
}

/** The profiles of identifiers, in their order; undefined where one is nobody's. */
async function profilesOf(tx: Queryable, hashes: readonly string[]): Promise<(number | undefined)[]> {
  const rows = await tx.query<{ hash: string; root: number }>(
    'select i.hash::text, l.root from identifiers i join leaves l on l.leaf = i.leaf where i.hash = any($1::bigint[])',
    [numbers(hashes)],
  )
  return hashes.map(hash => rows.find(row => row.hash === hash)?.root)
}

async function cut(tx: Queryable, cuts: readonly Cut[]): Promise<void> {
  const [anchors, others] = [numbers(cuts.map(({ anchor }) => anchor)), numbers(cuts.map(({ other }) => other))]
  await tx.query(
    `update identity_edges e set cut = true from unnest($1::bigint[], $2::bigint[]) c(anchor, other)
     where e.anchor = c.anchor and e.other = c.other`,
    [anchors, others],
  )
  await tx.query('update identifiers set anchor = 0 where hash = any($1::bigint[]) or hash = any($2::bigint[])', [anchors, others])
}

/** The others of an event stay together when the one goes that held them together. */
async function keepRestTogether(tx: Queryable, cuts: readonly Cut[]): Promise<void> {
  for (const [anchor, own] of Map.groupBy(cuts, cut => cut.anchor)) {
    const [first, ...rest] = own.toSorted((a, b) => a.seq - b.seq)
    if (!first || rest.length === 0) continue
    await tx.query(
      `insert into identity_edges (anchor, other, generation, linked, seq, place, position, ts, source, rule)
       select $2, other, generation, true, seq, place, position, ts, source, rule
       from identity_edges where anchor = $1 and other = any($3::bigint[]) and other <> $2 and linked and cut
       on conflict do nothing`,
      [anchor, first.other, numbers(rest.map(({ other }) => other))],
    )
  }
}

async function block(tx: Queryable, pairs: readonly (readonly [string, string])[], { by, at }: Hand): Promise<void> {
  const both = pairs.filter(([a, b]) => a !== b).flatMap(([a, b]) => [[a, b] as const, [b, a] as const])
  await tx.query(
    `insert into identity_blocks (a, b, by, at) select a, b, $3, to_timestamp($4::float8 / 1000) from unnest($1::bigint[], $2::bigint[]) p(a, b)
     on conflict do nothing`,
    [numbers(both.map(([a]) => a)), numbers(both.map(([, b]) => b)), by, at],
  )
  await tx.query('update identity_head set has_blocks = true')
}
