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

export async function saveStates(tx: Queryable, states: ReadonlyMap<number, ProfileState>): Promise<void> {
  if (states.size === 0) return
  const rows = [...states]
  await tx.query(
    `insert into profile_states (profile, state, due_at) select * from unnest($1::bigint[], $2::text[], $3::bigint[])
     on conflict (profile) do update set state = excluded.state, due_at = excluded.due_at`,
    [rows.map(([profile]) => profile), rows.map(([, { held }]) => textOf(held)), rows.map(([, { dueAt }]) => dueAt)],
  )
}

export async function removeStates(tx: Queryable, profiles: readonly number[]): Promise<void> {
  if (profiles.length > 0) await tx.query('delete from profile_states where profile = any($1::bigint[])', [profiles])
}

function textOf(held: ProfileState['held']): string {
  return JSON.stringify(Object.fromEntries(held))
}

function heldFrom(text: string): ProfileState['held'] {
  return new Map(Object.entries(JSON.parse(text) as Record<string, Held>).map(([id, held]) => [Number(id), held]))
}
