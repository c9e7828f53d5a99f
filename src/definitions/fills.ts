import type { Queryable } from '../store/postgres.ts'
import type { Definition } from './definition.ts'
import type { DefinitionSet } from './set.ts'

/** Definitions that are being worked out for everybody, and how far that is. */
export interface Fill {
  id: number
  definitions: number[]
  /** `definition`: one was written; `assignment`: a run on schedule, whose changes are transitions. */
  cause: 'definition' | 'assignment'
  /** Profiles up to here are done; the last that is to be done. */
  after: number
  until: number
  prepared: boolean
  done: number
  total: number
  startedAt: number
}

/**
 * Has the definitions worked out for everybody who is known now; whoever comes later is worked out with the first fact. What reads what others of them
 * say on schedule has a fill of its own after theirs. The caller changes the revision of definitions in the same transaction, so a part that is being
 * worked out counts no more.
 */
export async function beginFill(
  tx: Queryable,
  set: DefinitionSet,
  definitions: readonly Definition[],
  cause: Fill['cause'],
  now: number,
): Promise<void> {
  for (const some of set.inOrder(definitions)) await beginTogether(tx, set, some, cause, now)
}

/** Joins the last fill of the same cause if that has not begun, and neither reads what the other says. */
async function beginTogether(
  tx: Queryable,
  set: DefinitionSet,
  definitions: readonly Definition[],
  cause: Fill['cause'],
  now: number,
): Promise<void> {
  const last = (await openFills(tx)).filter(fill => fill.cause === cause).at(-1)
  const isWaiting = last && last.after === 0 && !last.prepared
  const together = set.all.filter(({ id }) => last?.definitions.includes(id)).concat(definitions)
  const everybody = 'select coalesce(max(leaf), 0) as until, count(*) filter (where root = leaf) as total from leaves'
  if (isWaiting && set.inOrder(together).length === 1)
    await tx.query(
      `update evaluation_fills set definitions = $2::integer[], until = l.until, profiles_total = l.total from (${everybody}) l where id = $1`,
      [last.id, [...new Set(together.map(({ id }) => id))].sort((a, b) => a - b)],
    )
  else
    await tx.query(
      `insert into evaluation_fills (definitions, cause, until, profiles_total, started_at)
       select $1::integer[], $2, until, total, $3 from (${everybody}) l`,
      [definitions.map(({ id }) => id), cause, new Date(now)],
    )
}

/** Likewise, unless just these wait already to be worked out, from the beginning. */
export async function beginFillOnce(
  tx: Queryable,
  set: DefinitionSet,
  definitions: readonly Definition[],
  cause: Fill['cause'],
  now: number,
): Promise<void> {
  const [waiting] = await tx.query(
    'select from evaluation_fills where finished_at is null and after = 0 and cause = $2 and definitions @> $1::integer[] limit 1',
    [definitions.map(({ id }) => id), cause],
  )
  if (!waiting) await beginFill(tx, set, definitions, cause, now)
}

interface Row {
  id: number
  definitions: number[]
  cause: Fill['cause']
  after: number
  until: number
  prepared: boolean
  profiles_done: number
  profiles_total: number
  started_at: Date
}

/** Fills that are not finished, the oldest first. */
export async function openFills(db: Queryable): Promise<Fill[]> {
  const rows = await db.query<Row>(
    `select id, definitions, cause, after, until, prepared, profiles_done, profiles_total, started_at
     from evaluation_fills where finished_at is null order by id`,
  )
  return rows.map(({ profiles_done, profiles_total, started_at, ...row }) => ({
    ...row,
    done: profiles_done,
    total: profiles_total,
    startedAt: started_at.getTime(),
  }))
}

export async function advanceFill(tx: Queryable, id: number, after: number, profiles: number): Promise<void> {
  await tx.query('update evaluation_fills set after = $2, profiles_done = profiles_done + $3 where id = $1', [id, after, profiles])
}

/** What the run worked out for itself is kept with its definitions, and the fill goes on to the profiles. */
export async function prepareFill(tx: Queryable, fill: Fill, runs: ReadonlyMap<number, unknown>): Promise<void> {
  for (const [id, run] of runs) await tx.query('update definitions set run = $2 where id = $1', [id, JSON.stringify(run)])
  await tx.query('update evaluation_fills set prepared = true where id = $1', [fill.id])
  if (runs.size > 0) await tx.query('update definition_revision set revision = revision + 1')
}

export async function finishFill(tx: Queryable, fill: Fill, now: number): Promise<void> {
  await tx.query('update evaluation_fills set finished_at = $2 where id = $1', [fill.id, new Date(now)])
  await tx.query('update definitions set ran_at = $2 where id = any($1::integer[])', [fill.definitions, new Date(now)])
  await tx.query('update definition_revision set revision = revision + 1')
}
