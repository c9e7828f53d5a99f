import { median, quantile } from './interleave.ts'
import { probed, withServer } from './parts/probing.ts'
import { bareSteps, sumOfSteps } from './parts/steps.ts'
import type { Bench } from './report.ts'

/** Time from the 200 to visible in GET /api/profiles, at 2,000 events/s; beside it the p99s of the bare steps in the same run. */
const freshness: Bench = async report => {
  const seconds = Number(report.options.seconds ?? 20)
  await withServer(async running => {
    const { delays, sent } = await probed(running.url, Number(report.options.rate ?? 2_000), seconds, 'gold')
    report.note(`${delays.length} probes beside ${sent} events (${Math.round(sent / (seconds + 3))} a second)`)
    report.figure({ name: 'fresh_p50_ms', value: median(delays), better: 'lower', unit: 'ms' })
    report.figure({ name: 'fresh_p99_ms', value: quantile(delays, 0.99), must: 1_000, aim: 300, better: 'lower', unit: 'ms' })
    await sumOfSteps(report, await bareSteps(running.core))
  })
}
export default freshness
