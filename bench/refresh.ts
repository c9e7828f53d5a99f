import type { Core } from '../src/core.ts'
import { interleave } from './interleave.ts'
import { withCore } from './parts/core.ts'
import { byHand, conditions, define, fillPeople, insertEvents } from './parts/portrait.ts'
import type { Bench, Report } from './report.ts'

/**
 * Refreshing 200 live rules after 10,000 new events ÷ one hand-written GROUP BY that computes the same conditions for the same changed profiles.
 * `--profiles 1e5 --rules 200 --rounds 5` make it small.
 */
const bench: Bench = async report => {
  await withCore(core => refreshing(core, Number(report.options.profiles ?? 1e6), report), { ZHIKE_CLICKHOUSE_MEMORY_MB: '8192' })
}
export default bench

const changed = 10_000
const eventsEach = 20

async function refreshing(core: Core, profiles: number, report: Report): Promise<void> {
  const some = conditions(Number(report.options.rules ?? 200))
  const startedAt = performance.now()
  await fillPeople(core, profiles, eventsEach, Date.now())
  report.note(`${profiles} profiles with ${eventsEach} events each in ${seconds(startedAt)} s`)
  core.evaluator.start()
  const definedAt = performance.now()
  await define(core, some, Date.now())
  await core.evaluator.flush()
  report.note(`${some.length} rules defined and worked out for everybody in ${seconds(definedAt)} s`)

  const position = { next: profiles * eventsEach }
  const { a, b, ratio } = await interleave(
    Number(report.options.rounds ?? 5),
    () => refreshed(core, profiles, position),
    () => written(core, profiles, some),
  )
  report.figure({ name: 'refresh_s', value: a, better: 'lower', unit: 's' })
  report.figure({ name: 'by_hand_s', value: b, better: 'lower', unit: 's' })
  report.figure({ name: 'refresh_ratio', value: ratio, must: 3, aim: 1.5, better: 'lower', unit: '×' })
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

async function written({ stores: { clickhouse } }: Core, profiles: number, some: ReturnType<typeof conditions>): Promise<number> {
  const leaves = Array.from({ length: changed }, () => 1 + Math.floor(Math.random() * profiles))
  const text = byHand(some, 'leaf in {leaves:Array(UInt32)}')
  const startedAt = performance.now()
  await clickhouse.command(`${text} format Null`, { leaves, now: Date.now() }, { settings: { max_query_size: 8_000_000 } })
  return (performance.now() - startedAt) / 1_000
}

function seconds(from: number): number {
  return Math.round((performance.now() - from) / 100) / 10
}
