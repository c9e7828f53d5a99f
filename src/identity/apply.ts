import type { Queryable } from '../store/postgres.ts'
import { numbers, texts } from '../store/sql-arrays.ts'
import type { Reattribution, Regrouping } from './regroup.ts'
import { upsertSpecials } from './save.ts'

/** Who does something by hand, and when. */
export interface Hand {
  by: string
  at: number
}

/** Brings the store to a regrouping: the mapping, the identifiers, and what the pipeline has to do about facts. */
export async function apply(
  tx: Queryable,
  regrouping: Regrouping,
  seq: number,
  kind: 'unmerge' | 'rebuild',
  { by, at }: Hand,
): Promise<void> {
  const { newLeaves, roots, identifiers, reattributions, nextLeaf } = regrouping
  await tx.query('update identity_head set next_leaf = $1, seq = $2', [nextLeaf, seq + 1])
  await tx.query('insert into leaves (leaf, root, position) select leaf, root, 0 from unnest($1::bigint[], $2::bigint[]) n(leaf, root)', [
    numbers(newLeaves.map(({ leaf }) => leaf)),
    numbers(newLeaves.map(({ root }) => root)),
  ])
  await tx.query('update leaves l set root = m.root from unnest($1::bigint[], $2::bigint[]) m(leaf, root) where l.leaf = m.leaf', [
    numbers(roots.map(({ leaf }) => leaf)),
    numbers(roots.map(({ root }) => root)),
  ])
  await applyIdentifiers(tx, identifiers)
  await askForReattribution(tx, reattributions)
  await noteChanges(tx, regrouping, seq, kind, { by, at })
}

async function applyIdentifiers(tx: Queryable, identifiers: Regrouping['identifiers']): Promise<void> {
  await tx.query(
    `update identifiers i set leaf = c.leaf, special = c.special, anchor = 0, ts = to_timestamp(c.ms / 1000)
     from unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::float8[]) c(hash, leaf, special, ms) where i.hash = c.hash`,
    [
      numbers(identifiers.map(({ hash }) => hash)),
      numbers(identifiers.map(({ leaf }) => leaf)),
      numbers(identifiers.map(({ special }) => (special ? 't' : 'f'))),
      numbers(identifiers.map(({ ts }) => ts)),
    ],
  )
  const specials = identifiers.flatMap(({ hash, special }) => (special ? [{ hash, special }] : []))
  if (specials.length > 0) await tx.query(...upsertSpecials(specials))
}

async function askForReattribution(tx: Queryable, reattributions: readonly Reattribution[]): Promise<void> {
  await tx.query(
    `insert into identity_reattributions (from_leaf, to_leaf, hashes, since_position, until_position, instead_hashes, instead_leaves)
     select from_leaf, to_leaf, string_to_array(hashes, ' ')::bigint[], since, until, string_to_array(other, ' ')::bigint[], string_to_array(leaves, ' ')::bigint[]
     from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
       with ordinality r(from_leaf, to_leaf, hashes, since, until, other, leaves, n) order by n`,
    [
      numbers(reattributions.map(({ from }) => from)),
      numbers(reattributions.map(({ to }) => to)),
      texts(reattributions.map(({ hashes }) => hashes.join(' '))),
      numbers(reattributions.map(({ since }) => since ?? 0)),
      numbers(reattributions.map(({ until }) => until ?? 'null')),
      texts(reattributions.map(({ instead = [] }) => instead.map(({ hash }) => hash).join(' '))),
      texts(reattributions.map(({ instead = [] }) => instead.map(({ leaf }) => leaf).join(' '))),
    ],
  )
}

/** The history: leaves that left a profile for another. */
async function noteChanges(
  tx: Queryable,
  { roots, newLeaves, reattributions }: Regrouping,
  seq: number,
  kind: 'unmerge' | 'rebuild',
  { by, at }: Hand,
): Promise<void> {
  const rootBefore = new Map(roots.map(({ leaf, before }) => [leaf, before]))
  const born = newLeaves.flatMap(({ leaf, root }) => {
    const from = reattributions.find(({ to }) => to === leaf)?.from
    return from === undefined ? [] : [{ leaf, root, before: rootBefore.get(from) ?? from }]
  })
  const groups = Map.groupBy([...roots, ...born], ({ root, before }) => `${before} ${root}`)
  const rows = [...groups.values()].flatMap(group => {
    const [first] = group
    return first ? [{ before: first.before, root: first.root, leaves: group.map(({ leaf }) => leaf) }] : []
  })
  await tx.query(
    `insert into identity_changes (kind, seq, survivor, merged, leaves, ts, by)
     select $1, $2, survivor, merged, string_to_array(leaves, ' ')::bigint[], to_timestamp($3::float8 / 1000), $4
     from unnest($5::bigint[], $6::bigint[], $7::text[]) c(survivor, merged, leaves)`,
    [
      kind,
      seq,
      at,
      by,
      numbers(rows.map(({ before }) => before)),
      numbers(rows.map(({ root }) => root)),
      texts(rows.map(({ leaves }) => leaves.join(' '))),
    ],
  )
}
