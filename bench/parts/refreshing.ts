import type { Core } from '../../src/core.ts'
import type { Report } from '../report.ts'
import { byHand, type Condition, conditions, define, fillPeople, insertEvents } from './portrait.ts'

/** A workspace with live rules, in which events keep arriving. */
export interface Refreshing {
  some: readonly Condition[]
  profiles: number
  /** 10,000 new events of people anywhere: seconds until everything about them is decided and in both stores. */
  refresh(): Promise<number>
}

export const changed = 10_000
const eventsEach = 20

/** People with 20 events each, and rules that are worked out for everybody. */
export async function refreshing(core: Core, profiles: number, rules: number, report: Report): Promise<Refreshing> {
  const some = conditions(rules)
  const filledAt = performance.now()
  await fillPeople(core, profiles, eventsEach, Date.now())
  report.note(`${profiles} profiles with ${eventsEach} events each in ${secondsSince(filledAt)} s`)
  core.evaluator.start()
  const definedAt = performance.now()
  await define(core, some, Date.now())
  await core.evaluator.flush()
  report.note(`${some.length} rules defined and worked out for everybody in ${secondsSince(definedAt)} s`)
  const position = { next: profiles * eventsEach }
  return { some, profiles, refresh: () => refreshed(core, profiles, position) }
}

/** New events are stored; then the time until everything about them is decided and in both stores. */
async function refreshed(
  { stores: { clickhouse, postgres }, evaluator }: Core,
  profiles: number,
  position: { next: number },
): Promise<number> {
  const now = Date.now()
  await insertEvents(clickhouse, `1 + cityHash64(number) % ${profiles}`, position.next, changed, now, 1_000)
  const rows = await clickhouse.query<{ leaf: number; event: string; at: number }>(
    'select leaf, event, toUnixTimestamp64Milli(ts) as at from events where position >= {from:UInt64}',
    { from: position.next },
  )
  const names = [...new Set(rows.map(({ event }) => `e:${event}`))]
  const leaves = [...Map.groupBy(rows, ({ leaf }) => leaf)].map(([leaf, events]) => [
    leaf,
    Math.max(...events.map(({ at }) => at)),
    ...new Set(events.map(({ event }) => names.indexOf(`e:${event}`))),
  ])
  const startedAt = performance.now()
  await postgres.query('insert into evaluation_ranges (range, changes) values ($1, $2)', [position.next, JSON.stringify({ names, leaves })])
  await evaluator.flush()
  position.next += changed
  return (performance.now() - startedAt) / 1_000
}

/** The same conditions for as many people, by one statement: seconds. */
export async function written({ stores: { clickhouse } }: Core, profiles: number, some: readonly Condition[]): Promise<number> {
  const leaves = Array.from({ length: changed }, () => 1 + Math.floor(Math.random() * profiles))
  const text = byHand(some, 'leaf in {leaves:Array(UInt32)}')
  const startedAt = performance.now()
  await clickhouse.command(`${text} format Null`, { leaves, now: Date.now() }, { settings: { max_query_size: 8_000_000 } })
  return (performance.now() - startedAt) / 1_000
}

export function secondsSince(from: number): number {
  return Math.round((performance.now() - from) / 100) / 10
}
