import { interleave } from './interleave.ts'
import { withCore } from './parts/core.ts'
import { refreshing, written } from './parts/refreshing.ts'
import type { Bench } from './report.ts'

/**
 * Refreshing 200 live rules after 10,000 new events ÷ one hand-written GROUP BY that computes the same conditions for the same changed profiles.
 * `--profiles 1e5 --rules 200 --rounds 5` make it small.
 */
const bench: Bench = async report => {
  const { profiles = '1e6', rules = '200', rounds = '5' } = report.options
  await withCore(
    async core => {
      const { refresh, some } = await refreshing(core, Number(profiles), Number(rules), report)
      const { a, b, ratio } = await interleave(Number(rounds), refresh, () => written(core, Number(profiles), some))
      report.figure({ name: 'refresh_s', value: a, better: 'lower', unit: 's' })
      report.figure({ name: 'by_hand_s', value: b, better: 'lower', unit: 's' })
      report.figure({ name: 'refresh_ratio', value: ratio, must: 3, aim: 1.5, better: 'lower', unit: '×' })
    },
    { ZHIKE_CLICKHOUSE_MEMORY_MB: '8192' },
  )
}
export default bench
