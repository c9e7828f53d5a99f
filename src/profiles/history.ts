import type { Json } from '../collect/event.ts'
import type { ClickHouse } from '../store/clickhouse.ts'

/** One change of a trait, as it was said. Personal values are keyed hashes here: the history shows that they changed, not what they were. */
export interface TraitHistoryEntry {
  key: string
  op: 'set' | 'unset'
  value: Json
  ts: string
  source: string
  position: string
}

/** The changes of a person's traits, newest first by (ts, position). */
export async function traitHistory(
  clickhouse: ClickHouse,
  leaves: readonly number[],
  key: string | undefined,
  limit: number,
): Promise<TraitHistoryEntry[]> {
  const rows = await clickhouse.query<Omit<TraitHistoryEntry, 'ts'> & { at: number }>(
    `select key, op, value, toUnixTimestamp64Milli(ts) as at, source, toString(position) as position
     from traits
     where leaf in {leaves:Array(UInt32)} ${key === undefined ? '' : 'and key = {key:String}'}
     order by traits.ts desc, traits.position desc limit {limit:UInt32}`,
    { leaves, key, limit },
  )
  return rows.map(({ at, ...row }) => ({ ...row, ts: new Date(at).toISOString() }))
}
