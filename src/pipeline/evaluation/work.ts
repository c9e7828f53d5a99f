import { isTagTrait, tagAssigned } from '../../collect/tag-trait.ts'
import { type Fill, openFills } from '../../definitions/fills.ts'
import type { Position } from '../../log/position.ts'
import type { People } from '../../rules/scoped.ts'
import type { Queryable } from '../../store/postgres.ts'
import { changesFrom } from './changes.ts'

/** Why a profile is looked at; what comes first here is what a change is put down to. */
export const causes = ['event', 'time', 'assignment', 'historical', 'identity', 'definition'] as const
export type Cause = (typeof causes)[number]

/** What one profile is looked at for. */
export interface Reason {
  cause: Cause
  /** The event's time, or when it fell due; ms. Undefined: the moment of the tick. */
  at: number | undefined
  /** Only what reads one of these can have changed; undefined: anything. */
  names: Set<string> | undefined
}

/** What is looked at in one tick, and what is done with it. */
export interface Work {
  profiles: Map<number, Reason>
  /** Profiles that were merged away, and into whom. */
  gone: Map<number, number>
  ranges: Position[]
  /** Ids of `evaluation_leaves`. */
  leaves: number[]
  /** `evaluation_moments` up to this moment, ms. */
  momentsUntil: number
  /** Whether there is more than this. */
  isAll: boolean
}

const leavesAtOnce = 10_000

/** Everything that is stored, waits, and is due at `now`, as much as fits into one tick. */
export async function waitingWork(db: Queryable, now: number): Promise<Work> {
  const [ranges, moved, moments, due] = await Promise.all([
    db.query<{ range: Position; changes: string }>(
      `select e.range, e.changes from evaluation_ranges e
       where not exists (select from ranges r where r.range = e.range and r.state = 'prepared') order by e.range limit 20`,
    ),
    db.query<{ id: number; leaf: number; old_root: number | null }>(
      'select id, leaf, old_root from evaluation_leaves order by id limit $1',
      [leavesAtOnce],
    ),
    db.query<{ leaf: number; at: number }>('select leaf, at from evaluation_moments where at <= $1 order by at limit $2', [
      now,
      leavesAtOnce,
    ]),
    db.query<{ profile: number; due_at: number }>(
      'select profile, due_at from profile_states where due_at <= $1 order by due_at limit $2',
      [now, leavesAtOnce],
    ),
  ])
  const taken: typeof ranges = []
  const changes = []
  for (const range of ranges) {
    if (changes.length >= leavesAtOnce) break
    taken.push(range)
    for (const change of changesFrom(range.changes)) changes.push(change)
  }
  const isAll = taken.length === ranges.length && ranges.length < 20 && [moved, moments, due].every(rows => rows.length < leavesAtOnce)
  const rootOf = await rootsOf(db, [
    ...changes.map(({ leaf }) => leaf),
    ...moved.flatMap(({ leaf, old_root }) => [leaf, old_root ?? leaf]),
    ...moments.map(({ leaf }) => leaf),
  ])
  const profiles: Work['profiles'] = new Map()
  const look = (profile: number | undefined, reason: Reason) => {
    if (profile !== undefined) profiles.set(profile, together(profiles.get(profile), reason))
  }
  for (const { leaf, names, liveAt } of changes)
    look(rootOf.get(leaf), {
      cause: liveAt > 0 ? (names.every(isAssigned) ? 'assignment' : 'event') : 'historical',
      at: liveAt > 0 ? Math.min(liveAt, now) : undefined,
      names: new Set(names),
    })
  const gone: Work['gone'] = new Map()
  for (const { leaf, old_root } of moved) {
    look(rootOf.get(leaf), { cause: 'identity', at: undefined, names: undefined })
    if (old_root === null) continue
    const survivor = rootOf.get(old_root)
    look(survivor, { cause: 'identity', at: undefined, names: undefined })
    if (survivor !== undefined && survivor !== old_root) gone.set(old_root, survivor)
  }
  for (const { leaf, at } of moments) look(rootOf.get(leaf), { cause: 'historical', at, names: undefined })
  for (const { profile, due_at } of due) look(profile, { cause: 'time', at: due_at, names: undefined })
  return {
    profiles,
    gone,
    ranges: taken.map(({ range }) => range),
    leaves: moved.map(({ id }) => id),
    momentsUntil: moments.length < leavesAtOnce ? now : (moments.at(-1)?.at ?? 0) - 1,
    isAll,
  }
}

/** Whether a name (see `LeafChange`) came with an assignment through the API. */
function isAssigned(name: string): boolean {
  return name === `e:${tagAssigned}` || (name.startsWith('t:') && isTagTrait(name.slice(2)))
}

function together(known: Reason | undefined, added: Reason): Reason {
  if (!known) return added
  const [first, second] = causes.indexOf(known.cause) <= causes.indexOf(added.cause) ? [known, added] : [added, known]
  const at = known.cause === added.cause && known.at !== undefined && added.at !== undefined ? Math.max(known.at, added.at) : first.at
  const names = first.names && second.names && new Set([...first.names, ...second.names])
  return { cause: first.cause, at, names }
}

async function rootsOf(db: Queryable, leaves: readonly number[]): Promise<Map<number, number>> {
  if (leaves.length === 0) return new Map()
  const rows = await db.query<{ leaf: number; root: number }>('select leaf, root from leaves where leaf = any($1::bigint[])', [
    [...new Set(leaves)],
  ])
  return new Map(rows.map(({ leaf, root }) => [leaf, root]))
}

/** The next profiles of the oldest fill; those that were never worked out come with their first facts. */
export async function waitingFill(db: Queryable, atOnce: number): Promise<{ fill: Fill; profiles: number[]; after: number } | undefined> {
  const [fill] = await openFills(db)
  if (!fill) return undefined
  const rows = await db.query<{ profile: number; is_known: boolean }>(
    `select l.leaf as profile, s.profile is not null as is_known from leaves l left join profile_states s on s.profile = l.leaf
     where l.root = l.leaf and l.leaf > $1 and l.leaf <= $2 order by l.leaf limit $3`,
    [fill.after, fill.until, atOnce],
  )
  const after = rows.length < atOnce ? fill.until : (rows.at(-1)?.profile ?? fill.until)
  return { fill, profiles: rows.filter(({ is_known }) => is_known).map(({ profile }) => profile), after }
}

/** Every leaf of these profiles. */
export async function peopleOf(db: Queryable, profiles: readonly number[]): Promise<People> {
  const rows = await db.query<{ leaf: number; root: number }>(
    'select leaf, root from leaves where root = any($1::bigint[]) and leaf <> root',
    [profiles],
  )
  return { leaves: [...profiles, ...rows.map(({ leaf }) => leaf)], merged: rows }
}
