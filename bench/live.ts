import { apiClient } from '../src/cli/api-client.ts'
import type { Core } from '../src/core.ts'
import { median, quantile } from './interleave.ts'
import { byHand, conditions, define } from './parts/portrait.ts'
import { probed, withServer } from './parts/probing.ts'
import { bareSteps, type Steps, sumOfSteps } from './parts/steps.ts'
import type { Bench } from './report.ts'

/**
 * Time from the 200 of an event until the tag that it changes can be read, at 2,000 events/s and 200 live rules; also ÷ the p99s of the bare steps
 * in the same run, of which one is a hand-written GROUP BY of the same conditions for as many people as change in a second.
 */
const live: Bench = async report => {
  const { seconds = '20', rate = '2000', rules = '200' } = report.options
  const some = conditions(Number(rules))
  await withServer(async running => {
    await define(running.core, some, Date.now())
    await apiClient(running.url, 'bench-api-key').call('PUT', '/api/tags/gold_member', {
      zh: '金卡会员',
      kind: 'rule',
      refresh: 'realtime',
      values: [{ value: true, rule: { trait: 'level', eq: 'gold' } }],
    })
    const { delays, sent } = await probed(running.url, Number(rate), Number(seconds), 'gold_member')
    report.note(`${delays.length} probes beside ${sent} events (${Math.round(sent / (Number(seconds) + 3))} a second)`)
    const p99 = quantile(delays, 0.99)
    report.figure({ name: 'live_p50_ms', value: median(delays), better: 'lower', unit: 'ms' })
    report.figure({ name: 'live_p99_ms', value: p99, must: 1_500, aim: 500, better: 'lower', unit: 'ms' })
    const bare = await sumOfSteps(report, { ...(await bareSteps(running.core)), ...sharedPass(running.core, byHand(some, among)) })
    report.figure({ name: 'live_ratio', value: p99 / bare, must: 6, aim: 2, better: 'lower', unit: '×' })
  })
}
export default live

const among = 'leaf in {leaves:Array(UInt32)}'
const changing = 100

function sharedPass({ stores: { clickhouse } }: Core, text: string): Steps {
  const leaves = Array.from({ length: changing }, (_, index) => index + 1)
  return {
    pass: () => clickhouse.command(`${text} format Null`, { leaves, now: Date.now() }, { settings: { max_query_size: 8_000_000 } }),
  }
}
