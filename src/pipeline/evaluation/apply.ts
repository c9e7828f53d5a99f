import type { ClickHouse } from '../../store/clickhouse.ts'
import type { Queryable } from '../../store/postgres.ts'
import type { MembershipChange } from './diff.ts'

/** What a tick changes in ClickHouse: who has what, and what the runs of definitions that are not live said. */
export interface TickChanges {
  memberships: MembershipChange[]
  assignments: { definition: number; leaf: number; value: string; score: number; ts: number }[]
}

/** Kept with the decision, as the rows that ClickHouse takes, until it has them. */
export async function keepTick(tx: Queryable, tick: number, { memberships, assignments }: TickChanges): Promise<void> {
  if (memberships.length + assignments.length === 0) return
  const rows = (some: readonly object[]) => some.map(one => JSON.stringify({ ...one, tick })).join('\n')
  const changed = memberships.map(
    ({ definition, value, profile, member }) =>
      `{"definition":${definition},"value":${JSON.stringify(value)},"profile":${profile},"member":${member},"tick":${tick}}`,
  )
  await tx.query('insert into evaluation_ticks (tick, memberships, assignments) values ($1, $2, $3)', [
    tick,
    changed.join('\n'),
    rows(assignments),
  ])
}

/** Brings every decided tick to ClickHouse, in order. Rows carry their tick, of which the highest counts: done again, it changes nothing. */
export async function applyTicks(postgres: Queryable, clickhouse: ClickHouse): Promise<void> {
  for (;;) {
    const [row] = await postgres.query<{ tick: number; memberships: string; assignments: string }>(
      'select tick, memberships, assignments from evaluation_ticks order by tick limit 1',
    )
    if (!row) return
    const insert = (table: 'memberships' | 'assignments') => (row[table] === '' ? undefined : clickhouse.insert(table, row[table]))
    await Promise.all([insert('memberships'), insert('assignments')])
    await postgres.query('delete from evaluation_ticks where tick = $1', [row.tick])
  }
}
