import type { Core } from '../src/core.ts'
import { beginFill } from '../src/definitions/fills.ts'
import { interleave } from './interleave.ts'
import { withCore } from './parts/core.ts'
import { byHand, type Condition, insertEvents } from './parts/portrait.ts'
import { refreshing } from './parts/refreshing.ts'
import type { Bench } from './report.ts'

/**
 * Working 200 rules out anew for everybody, written and compared with what was, after something about one person in a hundred has changed ÷ the
 * hand-written GROUP BY of the same conditions over everybody. `--profiles 1e5` makes it small.
 */
const bench: Bench = async report => {
  const { profiles = '1e6', rules = '200', rounds = '1' } = report.options
  await withCore(
    async core => {
      const { some } = await refreshing(core, Number(profiles), Number(rules), report)
      const position = { next: Number(profiles) * 20 }
      const { a, b, ratio } = await interleave(
        Number(rounds),
        () => workedOutAnew(core, Number(profiles), position),
        () => writtenForAll(core, some),
        { warmUp: false },
      )
      report.figure({ name: 'full_s', value: a, better: 'lower', unit: 's' })
      report.figure({ name: 'by_hand_s', value: b, better: 'lower', unit: 's' })
      report.figure({ name: 'full_ratio', value: ratio, must: 3, aim: 1.5, better: 'lower', unit: '×' })
    },
    { ZHIKE_CLICKHOUSE_MEMORY_MB: '8192' },
  )
}
export default bench

async function workedOutAnew(
  { stores: { clickhouse, postgres }, definitions, evaluator }: Core,
  profiles: number,
  position: { next: number },
): Promise<number> {
  const now = Date.now()
  // One row in a hundred gets an event that nobody has looked at yet.
  await insertEvents(clickhouse, `1 + cityHash64(number) % ${profiles}`, position.next, profiles / 100, now, 1_000)
  position.next += profiles / 100
  const startedAt = performance.now()
  await postgres.transaction(tx => beginFill(tx, definitions.set(), definitions.set().live, 'definition', now))
  await evaluator.flush()
  return (performance.now() - startedAt) / 1_000
}

async function writtenForAll({ stores: { clickhouse } }: Core, some: readonly Condition[]): Promise<number> {
  const startedAt = performance.now()
  await clickhouse.command(
    `${byHand(some, '1')} format Null`,
    { now: Date.now() },
    { settings: { max_query_size: 8_000_000, max_bytes_before_external_group_by: 4e9 } },
  )
  return (performance.now() - startedAt) / 1_000
}
