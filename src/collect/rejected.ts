import type { Position } from '../log/position.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import type { Json, Rejection } from './event.ts'
import type { KeptItem } from './kept-item.ts'

/** An item that was not taken, at its place in the log. */
export interface RejectedItem {
  position: Position
  source: string
  receivedAt: number
  rejection: Rejection
  /** A `KeptItem`, as `decodeRecord` gives it. */
  item: Json
}

const sealedFor = (position: Position) => `rejected ${position}`

/** Keeps them, sealed; those that are kept already stay as they are. */
export async function saveRejected(tx: Queryable, keys: Keys, rejected: readonly RejectedItem[]): Promise<void> {
  if (rejected.length === 0) return
  await tx.query(
    `insert into rejected (position, source, received_at, code, path, message, item)
     select position, source, to_timestamp(received_at / 1000.0), code, path, message, item
     from unnest($1::bigint[], $2::text[], $3::double precision[], $4::text[], $5::text[], $6::text[], $7::bytea[])
       as kept(position, source, received_at, code, path, message, item)
     on conflict (position) do nothing`,
    [
      rejected.map(({ position }) => position),
      rejected.map(({ source }) => source),
      rejected.map(({ receivedAt }) => receivedAt),
      rejected.map(({ rejection }) => rejection.code),
      rejected.map(({ rejection }) => rejection.path.replaceAll('\0', '')),
      rejected.map(({ rejection }) => rejection.message),
      rejected.map(({ position, item }) => keys.seal(JSON.stringify(item), sealedFor(position))),
    ],
  )
}

/** The positions of `[from, until)` whose items were not taken, in order. */
export async function rejectedPositions(db: Queryable, from: Position, until: Position): Promise<Position[]> {
  const rows = await db.query<{ position: Position }>(
    'select position from rejected where position >= $1 and position < $2 order by position',
    [from, until],
  )
  return rows.map(({ position }) => position)
}

export interface RejectedFilter {
  source?: string
  code?: string
  /** When they came, ms: `from ≤ t < to`. */
  from?: number
  to?: number
  replayed?: boolean
}

export interface RejectedView {
  /** Digits; the position. */
  id: string
  source: string
  receivedAt: number
  rejection: Rejection
  replayedAt?: number
  item: KeptItem
}

interface RejectedRow {
  position: Position
  source: string
  received_at: Date
  code: string
  path: string
  message: string
  item: Buffer
  replayed_at: Date | null
}

/** The newest first; `next` continues where the page ended. */
export async function rejectedPage(
  db: Queryable,
  keys: Keys,
  filter: RejectedFilter,
  limit: number,
  cursor?: string,
): Promise<{ rejected: RejectedView[]; next?: string }> {
  const { text, values } = conditionsOf(filter)
  const rows = await db.query<RejectedRow>(
    `select * from rejected where ${text} and position < $${values.length + 1} order by position desc limit $${values.length + 2}`,
    [...values, cursor ?? '9223372036854775807', limit + 1],
  )
  const page = rows.slice(0, limit).map(row => viewOf(row, keys))
  const last = page.at(-1)
  return { rejected: page, ...(rows.length > limit && last ? { next: last.id } : {}) }
}

/** How many of each reason, the most frequent first. */
export async function rejectedCounts(db: Queryable, filter: RejectedFilter): Promise<{ source: string; code: string; count: number }[]> {
  const { text, values } = conditionsOf(filter)
  return db.query(
    `select source, code, count(*) from rejected where ${text} group by source, code order by count(*) desc, source, code limit 100`,
    values,
  )
}

/** Those of the filter that were never replayed, oldest first, locked against another replay at the same time. */
export async function takeRejected(
  tx: Queryable,
  keys: Keys,
  filter: RejectedFilter & { ids?: readonly string[] },
  after: string,
  limit: number,
): Promise<RejectedView[]> {
  const { text, values } = conditionsOf({ ...filter, replayed: false })
  const rows = await tx.query<RejectedRow>(
    `select * from rejected where ${text} and position > $${values.length + 1} and ($${values.length + 2}::bigint[] is null or position = any ($${values.length + 2}))
     order by position limit $${values.length + 3} for update skip locked`,
    [...values, after, filter.ids ?? null, limit],
  )
  return rows.map(row => viewOf(row, keys))
}

export async function markReplayed(tx: Queryable, ids: readonly string[], now: number): Promise<void> {
  await tx.query('update rejected set replayed_at = $2 where position = any ($1::bigint[])', [ids, new Date(now)])
}

/** Forgets those that came before: what nobody mended in time. Returns how many. */
export async function forgetRejected(db: Queryable, before: number): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'with gone as (delete from rejected where received_at < $1 returning 1) select count(*) from gone',
    [new Date(before)],
  )
  return row?.count ?? 0
}

function conditionsOf({ source, code, from, to, replayed }: RejectedFilter): { text: string; values: unknown[] } {
  return {
    text: `($1::text is null or source = $1) and ($2::text is null or code = $2)
      and ($3::timestamptz is null or received_at >= $3) and ($4::timestamptz is null or received_at < $4)
      and ($5::boolean is null or (replayed_at is not null) = $5)`,
    values: [
      source ?? null,
      code ?? null,
      from === undefined ? null : new Date(from),
      to === undefined ? null : new Date(to),
      replayed ?? null,
    ],
  }
}

function viewOf({ position, source, received_at, code, path, message, item, replayed_at }: RejectedRow, keys: Keys): RejectedView {
  return {
    id: String(position),
    source,
    receivedAt: received_at.getTime(),
    rejection: { code, path, message },
    ...(replayed_at ? { replayedAt: replayed_at.getTime() } : {}),
    item: JSON.parse(keys.open(item, sealedFor(position)).toString()),
  }
}
