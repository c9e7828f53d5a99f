import type { Position } from '../log/position.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import { queryPrefix } from './ranges.ts'
import { type FactTable, idColumns, type RangeRows } from './rows.ts'

/** First try: everything at once, one insert per table. Nothing of this range can be there yet. */
export async function writeRange(clickhouse: ClickHouse, range: Position, rows: RangeRows): Promise<void> {
  await Promise.all([...rows].map(([table, { lines }]) => insert(clickhouse, range, table, lines, 'first')))
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
  for (const [table, { ids, lines }] of rows) {
    const stored = await storedIds(clickhouse, table, range, until)
    const missing = lines.filter((_, index) => !stored.has(ids[index] ?? ''))
    if (missing.length > 0) await insert(clickhouse, range, table, missing, attempt)
  }
}

async function storedIds(clickhouse: ClickHouse, table: FactTable, range: Position, until: Position): Promise<Set<string>> {
  const rows = await clickhouse.query<{ id: string }>(
    `select ${idColumns[table]} as id from ${table} where position >= {from:UInt64} and position < {until:UInt64}`,
    { from: range, until },
  )
  return new Set(rows.map(row => row.id))
}

async function insert(clickhouse: ClickHouse, range: Position, table: FactTable, lines: string[], attempt: string): Promise<void> {
  await clickhouse.insert(table, lines.join('\n'), { queryId: `${queryPrefix(range)}${table}-${attempt}` })
}
