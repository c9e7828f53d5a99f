import type { ClickHouse } from '../../store/clickhouse.ts'
import type { Queryable } from '../../store/postgres.ts'
import type { MembershipChanges } from './memberships.ts'

/** What a tick changes in ClickHouse: who has what, and what the runs of definitions that are not live said. */
export interface TickChanges {
  memberships: MembershipChanges
  assignments: { definition: number; leaf: number; value: string; score: number; ts: number }[]
}

/** What a line of a tick's memberships becomes: one row for each of its profiles. */
const memberships = `memberships (definition, value, profile, member, tick) select definition, value, arrayJoin(profiles), member, tick
  from input('definition UInt32, value String, profiles Array(UInt32), member Bool, tick UInt64')`

/** Kept with the decision, as ClickHouse takes it, until it has it. */
export async function keepTick(tx: Queryable, tick: number, changes: TickChanges): Promise<void> {
  const changed = [...changes.memberships].map(
    ({ definition, value, profiles, member }) =>
      `{"definition":${definition},"value":${JSON.stringify(value)},"profiles":[${profiles.join()}],"member":${member},"tick":${tick}}`,
  )
  if (changed.length + changes.assignments.length === 0) return
  await tx.query('insert into evaluation_ticks (tick, memberships, assignments) values ($1, $2, $3)', [
    tick,
    changed.join('\n'),
    changes.assignments.map(one => JSON.stringify({ ...one, tick })).join('\n'),
  ])
}

/** Brings every decided tick to ClickHouse, in order. Rows carry their tick, of which the highest counts: done again, it changes nothing. */
export async function applyTicks(postgres: Queryable, clickhouse: ClickHouse): Promise<void> {
  for (;;) {
    const [row] = await postgres.query<{ tick: number; memberships: string; assignments: string }>(
      'select tick, memberships, assignments from evaluation_ticks order by tick limit 1',
    )
    if (!row) return
    const insert = (into: string, lines: string) => (lines === '' ? undefined : clickhouse.insert(into, lines))
    await Promise.all([insert(memberships, row.memberships), insert('assignments', row.assignments)])
    await postgres.query('delete from evaluation_ticks where tick = $1', [row.tick])
  }
}
