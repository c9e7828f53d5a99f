import type { ClickHouse } from '../store/clickhouse.ts'
import type { Queryable } from '../store/postgres.ts'

const atOnce = 50_000

/**
 * Brings the mapping of leaves to roots that ClickHouse uses up to what PostgreSQL says. Rows carry the version of their change, of which the
 * highest counts, so a mirror that was interrupted is simply done again.
 */
export async function mirrorRoots(postgres: Queryable, clickhouse: ClickHouse): Promise<number> {
  let mirrored = 0
  for (;;) {
    const changes = await postgres.query<{ version: number; leaf: number; root: number }>(
      'select version, leaf, root from root_changes order by version limit $1',
      [atOnce],
    )
    const last = changes.at(-1)
    if (!last) return mirrored
    await clickhouse.insert('roots', changes.map(change => JSON.stringify(change)).join('\n'))
    await postgres.query('delete from root_changes where version <= $1', [last.version])
    mirrored += changes.length
  }
}
