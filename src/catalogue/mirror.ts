import type { ClickHouse } from '../store/clickhouse.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'

const atOnce = 10_000

/**
 * Brings ClickHouse's catalogue up to what PostgreSQL says. Rows carry the version of their change, of which the highest counts, so a mirror
 * that was interrupted is simply done again.
 * @param changed is told, in the transaction that takes the changes off the queue, of which kinds they were
 */
export async function mirrorEntities(
  postgres: Postgres,
  clickhouse: ClickHouse,
  changed: (tx: Queryable, kinds: ReadonlySet<string>) => Promise<void> = async () => undefined,
): Promise<void> {
  for (;;) {
    const changes = await postgres.query<{ version: number; kind: string; id: string; attributes: object | null }>(
      'select version, kind, id, attributes from entity_changes order by version limit $1',
      [atOnce],
    )
    if (changes.length === 0) return
    await clickhouse.insert('entities', changes.map(rowOf).join('\n'))
    await postgres.transaction(async tx => {
      // Those and no others: an earlier one may just be committing.
      await tx.query('delete from entity_changes where version = any($1::bigint[])', [changes.map(({ version }) => version)])
      await changed(tx, new Set(changes.map(({ kind }) => kind)))
    })
  }
}

function rowOf({ version, kind, id, attributes }: { version: number; kind: string; id: string; attributes: object | null }): string {
  return JSON.stringify({ kind, id, attributes: attributes ?? {}, deleted: attributes === null, version })
}
