import type { Queryable } from '../store/postgres.ts'
import type { Definition } from './definition.ts'

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
 * Has the definitions worked out for everybody who is known now; whoever comes later is worked out with the first fact. Joins a fill of the same
 * cause that has not begun. The caller changes the revision of definitions in the same transaction, so a part that is being worked out counts no more.
 */
export async function beginFill(tx: Queryable, definitions: readonly Definition[], cause: Fill['cause'], now: number): Promise<void> {
  if (definitions.length === 0) return
  const ids = definitions.map(({ id }) => id)
  const joined = await tx.query(
    `update evaluation_fills f set
       definitions = (select array_agg(distinct id order by id) from unnest(f.definitions || $1::integer[]) id), until = l.until, profiles_total = l.total
     from (select coalesce(max(leaf), 0) as until, count(*) filter (where root = leaf) as total from leaves) l
     where finished_at is null and after = 0 and not prepared and cause = $2 returning id`,
    [ids, cause],
  )
  if (joined.length > 0) return
  await tx.query(
    `insert into evaluation_fills (definitions, cause, until, profiles_total, started_at)
     select $1::integer[], $2, coalesce(max(leaf), 0), count(*) filter (where root = leaf), $3 from leaves`,
    [ids, cause, new Date(now)],
  )
}

/** Likewise, unless just these wait already to be worked out, from the beginning. */
export async function beginFillOnce(tx: Queryable, definitions: readonly Definition[], cause: Fill['cause'], now: number): Promise<void> {
  const [waiting] = await tx.query(
    'select from evaluation_fills where finished_at is null and after = 0 and cause = $2 and definitions @> $1::integer[] limit 1',
    [definitions.map(({ id }) => id), cause],
  )
  if (!waiting) await beginFill(tx, definitions, cause, now)
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
