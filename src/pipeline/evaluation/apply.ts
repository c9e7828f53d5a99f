import type { ClickHouse } from '../../store/clickhouse.ts'
import type { Queryable } from '../../store/postgres.ts'
import type { MembershipChange } from './diff.ts'

/** What a tick changes in ClickHouse: who has what, and what the runs of definitions that are not live said. */
export interface TickChanges {
  memberships: MembershipChange[]
  assignments: { definition: number; leaf: number; value: string; score: number; ts: number }[]
}

/** Kept with the decision until ClickHouse has it. */
export async function keepTick(tx: Queryable, tick: number, changes: TickChanges): Promise<void> {
  if (changes.memberships.length + changes.assignments.length > 0)
    await tx.query('insert into evaluation_ticks (tick, changes) values ($1, $2)', [tick, JSON.stringify(changes)])
}

/** Brings every decided tick to ClickHouse, in order. Rows carry their tick, of which the highest counts: done again, it changes nothing. */
export async function applyTicks(postgres: Queryable, clickhouse: ClickHouse): Promise<void> {
  for (;;) {
    const [row] = await postgres.query<{ tick: number; changes: string }>(
      'select tick, changes from evaluation_ticks order by tick limit 1',
    )
    if (!row) return
    const { memberships, assignments } = JSON.parse(row.changes) as TickChanges
    const insert = (table: string, rows: readonly object[]) =>
      rows.length === 0 ? undefined : clickhouse.insert(table, rows.map(one => JSON.stringify({ ...one, tick: row.tick })).join('\n'))
    await Promise.all([insert('memberships', memberships), insert('assignments', assignments)])
    await postgres.query('delete from evaluation_ticks where tick = $1', [row.tick])
  }
}
