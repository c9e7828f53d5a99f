import type { Queryable } from '../store/postgres.ts'
import { numbers } from '../store/sql-arrays.ts'
import { derive } from './derive.ts'
import { allEvidence } from './evidence.ts'
import { lockHead } from './load.ts'
import type { NamespaceRule } from './namespace-rules.ts'
import { type Regrouping, regroup } from './regroup.ts'

/** What deriving everything anew would change. */
export interface RebuildDifference {
  regrouping: Regrouping
  /** Profiles that would become one: survivor and how many others. */
  merges: { profile: number; with: number[] }[]
  /** Profiles that would fall apart. */
  splits: { profile: number; into: number[] }[]
}

/** Derives who is who from all evidence under the present configuration and says what would be different. Nothing is written. */
export async function rebuildDifference(tx: Queryable, ruleOf: (namespace: string) => NamespaceRule): Promise<RebuildDifference> {
  const { nextLeaf } = await lockHead(tx)
  const evidence = await allEvidence(tx, ruleOf)
  const leaves = await leavesOfProfiles(tx, new Set(evidence.identifiers.flatMap(({ leaf }) => evidence.roots.get(leaf) ?? [])))
  const regrouping = regroup(derive(evidence, nextLeaf, true), leaves, nextLeaf, nextLeaf)
  return { regrouping, ...comparison(regrouping, leaves) }
}

/** The leaves of these profiles, each with its root. */
export async function leavesOfProfiles(tx: Queryable, roots: ReadonlySet<number>): Promise<Map<number, number>> {
  const rows = await tx.query<{ leaf: number; root: number }>(
    `select leaf, root from leaves where leaf = any($1::bigint[])
     union select leaf, root from leaves where root = any($1::bigint[]) and root <> leaf`,
    [numbers(roots)],
  )
  return new Map(rows.map(({ leaf, root }) => [leaf, root]))
}

/** Which profiles come together and which fall apart, as sets of leaves before and after. */
function comparison(
  { roots, newLeaves, reattributions }: Regrouping,
  leaves: ReadonlyMap<number, number>,
): Pick<RebuildDifference, 'merges' | 'splits'> {
  const after = new Map(leaves)
  for (const { leaf, root } of roots) after.set(leaf, root)
  for (const { leaf, root } of newLeaves) after.set(leaf, root)
  const into = new Map<number, Set<number>>()
  const from = new Map<number, Set<number>>()
  const note = (before: number, now: number) => {
    into.set(before, (into.get(before) ?? new Set()).add(now))
    from.set(now, (from.get(now) ?? new Set()).add(before))
  }
  for (const [leaf, before] of leaves) note(before, after.get(leaf) ?? before)
  for (const { from: leaf, to } of reattributions) note(leaves.get(leaf) ?? leaf, after.get(to) ?? to)
  return {
    merges: [...from]
      .filter(([, before]) => before.size > 1)
      .map(([profile, before]) => ({ profile, with: [...before].filter(one => one !== profile) })),
    splits: [...into].filter(([, now]) => now.size > 1).map(([profile, now]) => ({ profile, into: [...now] })),
  }
}
