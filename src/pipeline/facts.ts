import type { Position } from '../log/position.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import { eventColumns } from './event-columns.ts'
import { queryPrefix } from './ranges.ts'
import { type FactTable, idColumns, type RangeRows, type TableBody } from './rows.ts'

/**
 * First try: everything at once, one insert per table. Nothing of this range can be there yet. It ends when every insert has ended: one that is
 * on its way while another has failed would come to what `completeRange` takes for missing.
 */
export async function writeRange(clickhouse: ClickHouse, range: Position, rows: RangeRows): Promise<void> {
  const inserts = await Promise.allSettled([...rows].map(([table, of]) => insert(clickhouse, range, table, of.without(nothing), 'first')))
  for (const one of inserts) if (one.status === 'rejected') throw one.reason
}

/**
 * After a failure or a restart: an insert that was cut off may still be running or have stored a part. So it is ended on every node,
 * and only the positions that are missing are written.
 */
export async function completeRange(
  clickhouse: ClickHouse,
  range: Position,
  until: Position,
  rows: RangeRows,
  attempt: string,
): Promise<void> {
  await clickhouse.command('kill query where startsWith(query_id, {prefix:String}) sync', { prefix: queryPrefix(range) })
  for (const [table, of] of rows)
    await insert(clickhouse, range, table, of.without(await storedIds(clickhouse, table, range, until)), attempt)
}

const nothing: ReadonlySet<string> = new Set()

async function storedIds(clickhouse: ClickHouse, table: FactTable, range: Position, until: Position): Promise<Set<string>> {
  const rows = await clickhouse.query<{ id: string }>(
    `select ${idColumns[table]} as id from ${table} where position >= {from:UInt64} and position < {until:UInt64}`,
    { from: range, until },
  )
  return new Set(rows.map(row => row.id))
}

async function insert(
  clickhouse: ClickHouse,
  range: Position,
  table: FactTable,
  body: TableBody | undefined,
  attempt: string,
): Promise<void> {
  if (!body) return
  const queryId = `${queryPrefix(range)}${table}-${attempt}`
  if ('lines' in body) await clickhouse.insert(table, body.lines.join('\n'), { queryId })
  // In the blocks of a range rows that are not to be stored have leaf 0.
  else await clickhouse.insertBlocks(table, eventColumns, body.blocks, 'leaf > 0', { queryId })
}
