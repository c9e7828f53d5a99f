import { type Position, partitionOf, positionOf } from '../log/position.ts'
import type { Queryable } from '../store/postgres.ts'

/** A batch of consecutive positions that has been decided. */
export interface Range {
  range: Position
  until: Position
  state: 'prepared' | 'done'
  /** The leaf of each position, 0 where nothing is stored. Empty once done. */
  outcome: Uint32Array
}

/** Records what was decided for `[range, range + outcome.length)`, in the transaction that decides it. */
export async function prepareRange(tx: Queryable, range: Position, outcome: Uint32Array, now: number): Promise<void> {
  await tx.query(
    `insert into ranges (range, until, state, outcome, prepared_at) values ($1, $2, 'prepared', $3, to_timestamp($4 / 1000.0))`,
    [range, range + outcome.length, Buffer.from(outcome.buffer, outcome.byteOffset, outcome.byteLength), now],
  )
}

/** The range is in ClickHouse; its outcome is no longer needed. */
export async function finishRange(db: Queryable, range: Position, now: number): Promise<void> {
  await db.query(`update ranges set state = 'done', outcome = null, done_at = to_timestamp($2 / 1000.0) where range = $1`, [range, now])
}

export async function findRange(db: Queryable, range: Position): Promise<Range | undefined> {
  const [row] = await db.query<RangeRow>('select range, until, state, outcome from ranges where range = $1', [range])
  return row && rangeFrom(row)
}

/** The ranges of a partition that were decided and perhaps not stored, in order. */
export async function preparedRanges(db: Queryable, partition: number): Promise<Range[]> {
  const rows = await db.query<RangeRow>(
    `select range, until, state, outcome from ranges where state = 'prepared' and range >= $1 and range < $2 order by range`,
    [positionOf(partition, 0), positionOf(partition + 1, 0)],
  )
  return rows.map(rangeFrom)
}

/** Forgets finished ranges that ended a day ago: recovery never looks at them again. */
export async function forgetFinishedRanges(db: Queryable, partition: number, now: number): Promise<void> {
  await db.query(`delete from ranges where state = 'done' and range >= $1 and range < $2 and done_at < to_timestamp($3 / 1000.0)`, [
    positionOf(partition, 0),
    positionOf(partition + 1, 0),
    now - 24 * 3600 * 1000,
  ])
}

interface RangeRow {
  range: Position
  until: Position
  state: 'prepared' | 'done'
  outcome: Buffer | null
}

function rangeFrom({ outcome, ...row }: RangeRow): Range {
  return { ...row, outcome: outcome ? new Uint32Array(Uint8Array.from(outcome).buffer) : new Uint32Array() }
}

/** What `query_id` the inserts of a range start with, so that recovery can end the ones still running. */
export function queryPrefix(range: Position): string {
  return `zhike-${partitionOf(range)}-${range}-`
}

/** Per partition of the log, the position before which everything decided is stored too. */
export async function storedThrough(db: Queryable): Promise<Position[]> {
  const rows = await db.query<{ partition: number; next_offset: number; first: Position | null }>(
    `select p.partition, p.next_offset,
       (select min(range) from ranges r where r.state = 'prepared' and r.range >= p.partition::bigint << 48 and r.range < (p.partition::bigint + 1) << 48) as first
     from partitions p order by p.partition`,
  )
  return rows.map(({ partition, next_offset, first }) => first ?? positionOf(partition, next_offset))
}
