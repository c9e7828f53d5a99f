import { interleave } from './interleave.ts'
import { withCore } from './parts/core.ts'
import { refreshing } from './parts/refreshing.ts'
import type { Bench } from './report.ts'

/**
 * Refreshing 200 live rules after 10,000 events of people anywhere, in a workspace of a million profiles ÷ in one of a tenth of that, both open at
 * once. `--profiles 2e5 --rounds 3` make it small.
 */
const bench: Bench = async report => {
  const { profiles = '1e6', rules = '200', rounds = '4' } = report.options
  await withCore(
    async large => {
      const many = await refreshing(large, Number(profiles), Number(rules), report)
      await withCore(async small => {
        const few = await refreshing(small, Number(profiles) / 10, Number(rules), report)
        const { a, b, ratio } = await interleave(Number(rounds), many.refresh, few.refresh)
        report.figure({ name: 'refresh_large_s', value: a, better: 'lower', unit: 's' })
        report.figure({ name: 'refresh_small_s', value: b, better: 'lower', unit: 's' })
        report.figure({ name: 'scale_ratio', value: ratio, must: 2.5, aim: 1.5, better: 'lower', unit: '×' })
      })
    },
    { ZHIKE_CLICKHOUSE_MEMORY_MB: '8192' },
  )
}
export default bench
