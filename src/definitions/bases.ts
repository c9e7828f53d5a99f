import type { Queryable } from '../store/postgres.ts'

/** Stands among the definitions for everybody of whom something is known; its value is empty text. */
export const everybody = 0

/** Where the members of a definition are: in a generation of bitmaps, and in what ticks changed since. */
export interface Base {
  definition: number
  /** 0 for none. */
  generation: number
  /** Pairs of profile and value by now. */
  members: number
  /** Whether ticks changed something that the generation lacks. */
  isChanged: boolean
}

/** Of those that anybody ever had. */
export async function basesOf(db: Queryable, definitions: readonly number[]): Promise<Base[]> {
  return db.query<Base>(
    `select definition, generation, members, changes > 0 as "isChanged" from membership_bases
     where definition = any($1::integer[]) and (generation > 0 or changes > 0)`,
    [definitions],
  )
}

/** Notes, in the transaction that decides a tick, what it changes. */
export async function noteMemberships(
  tx: Queryable,
  changes: readonly { definition: number; gained: number; lost: number }[],
  now: number,
): Promise<void> {
  if (changes.length === 0) return
  const sorted = changes.toSorted((a, b) => a.definition - b.definition)
  await tx.query(
    `with noted as (
       insert into membership_bases as b (definition, members, changes)
       select definition, gained - lost, gained + lost from unnest($1::integer[], $2::bigint[], $3::bigint[]) as t(definition, gained, lost)
       on conflict (definition) do update set members = b.members + excluded.members, changes = b.changes + excluded.changes
       returning definition, members)
     insert into audience_sizes as s (definition, hour, members, entered, "left")
     select n.definition, date_trunc('hour', $4::timestamptz), n.members, t.gained, t.lost
     from noted n join unnest($1::integer[], $2::bigint[], $3::bigint[]) as t(definition, gained, lost) using (definition)
       join definitions d on d.id = n.definition and d.kind = 'audience'
     on conflict (definition, hour) do update set members = excluded.members, entered = s.entered + excluded.entered, "left" = s.left + excluded.left`,
    [sorted.map(({ definition }) => definition), sorted.map(({ gained }) => gained), sorted.map(({ lost }) => lost), new Date(now)],
  )
}
