import type { Json } from '../collect/event.ts'
import type { Queryable } from '../store/postgres.ts'

/** What a profile has of a definition: its value, its score, and since when (ms). */
export type Held = readonly [value: Json, score: number, since: number]

/** The derived part of a profile's document: by definition number. */
export interface ProfileState {
  held: Map<number, Held>
  /** When time alone may change something next, ms. */
  dueAt: number
}

/** A moment that does not come. */
export const neverDue = Number.MAX_SAFE_INTEGER

/** Of each profile that was worked out before. */
export async function statesOf(
  db: Queryable,
  profiles: readonly number[],
  lock: '' | 'for update' = '',
): Promise<Map<number, ProfileState>> {
  const rows = await db.query<{ profile: number; state: string; due_at: number }>(
    `select profile, state, due_at from profile_states where profile = any($1::bigint[]) order by profile ${lock}`,
    [profiles],
  )
  return new Map(rows.map(({ profile, state, due_at }) => [profile, { held: heldFrom(state), dueAt: due_at }]))
}

/** @param known the profiles that have a row */
export async function saveStates(tx: Queryable, states: ReadonlyMap<number, ProfileState>, known: ReadonlySet<number>): Promise<void> {
  const rows = [...states]
  const columns = (some: typeof rows) => [
    some.map(([profile]) => profile),
    some.map(([, { held }]) => textOf(held)),
    some.map(([, { dueAt }]) => dueAt),
  ]
  const old = rows.filter(([profile]) => known.has(profile))
  const added = rows.filter(([profile]) => !known.has(profile))
  if (old.length > 0)
    await tx.query(
      `update profile_states p set state = s.state, due_at = s.due_at
       from unnest($1::bigint[], $2::text[], $3::bigint[]) s(profile, state, due_at) where p.profile = s.profile`,
      columns(old),
    )
  if (added.length > 0)
    await tx.query(
      'insert into profile_states (profile, state, due_at) select * from unnest($1::bigint[], $2::text[], $3::bigint[])',
      columns(added),
    )
}

export async function removeStates(tx: Queryable, profiles: readonly number[]): Promise<void> {
  if (profiles.length > 0) await tx.query('delete from profile_states where profile = any($1::bigint[])', [profiles])
}

/**
 * As kept: `[[id, since, …], [id, value, score, since], …]`. Membership by itself (`true`, certain) is the most frequent: of it only the moment is
 * written, and all of them stand in the first list.
 */
function textOf(held: ProfileState['held']): string {
  let certain = ''
  let others = ''
  for (const [id, [value, score, since]] of held) {
    if (value === true && score === 1) certain += `${certain && ','}${id},${since}`
    else others += `,[${id},${JSON.stringify(value)},${score},${since}]`
  }
  return `[[${certain}]${others}]`
}

function heldFrom(text: string): ProfileState['held'] {
  const [certain, ...others] = JSON.parse(text) as [number[], ...[number, ...Held][]]
  const held: ProfileState['held'] = new Map()
  for (let at = 0; at < certain.length; at += 2) held.set(certain[at] as number, [true, 1, certain[at + 1] as number])
  for (const [id, value, score, since] of others) held.set(id, [value, score, since])
  return held
}
