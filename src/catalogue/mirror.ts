import type { ClickHouse } from '../store/clickhouse.ts'
import type { Queryable } from '../store/postgres.ts'

const atOnce = 10_000

/**
 * Brings ClickHouse's catalogue up to what PostgreSQL says. Rows carry the version of their change, of which the highest counts, so a mirror
 * that was interrupted is simply done again.
 * @returns the kinds of which something changed
 */
export async function mirrorEntities(postgres: Queryable, clickhouse: ClickHouse): Promise<Set<string>> {
  const kinds = new Set<string>()
  for (;;) {
    const changes = await postgres.query<{ version: number; kind: string; id: string; attributes: object | null }>(
      'select version, kind, id, attributes from entity_changes order by version limit $1',
      [atOnce],
    )
    if (changes.length === 0) return kinds
    await clickhouse.insert('entities', changes.map(rowOf).join('\n'))
    // Those and no others: an earlier one may just be committing.
    await postgres.query('delete from entity_changes where version = any($1::bigint[])', [changes.map(({ version }) => version)])
    for (const { kind } of changes) kinds.add(kind)
  }
}

function rowOf({ version, kind, id, attributes }: { version: number; kind: string; id: string; attributes: object | null }): string {
  return JSON.stringify({ kind, id, attributes: attributes ?? {}, deleted: attributes === null, version })
}
