import { fork } from 'node:child_process'
import { once } from 'node:events'
import { apiClient } from '../src/cli/api-client.ts'
import { median, quantile } from './interleave.ts'
import { withServer } from './parts/probing.ts'
import type { Bench } from './report.ts'

/** Reading profiles by an identifier, 500 times a second, beside 2,000 events a second that change tags and audiences. */
const profile: Bench = async report => {
  await withServer(async running => {
    await define(apiClient(running.url, 'bench-api-key'), Number(report.options.tags ?? 20))
    const { rate = '2000', reads = '500', seconds = '20' } = report.options
    const client = fork(new URL('parts/profile-client.ts', import.meta.url), [running.url, rate, reads, seconds])
    const [answer] = (await Promise.race([once(client, 'message'), once(client, 'exit')])) as [Read | number]
    if (typeof answer !== 'object') throw new Error(`the client ended with ${answer}`)
    const { profiles, decisions, sent, tagged } = answer
    report.note(`${profiles.length} profiles and ${decisions.length} decisions read beside ${sent} events; ${tagged} had a tag`)
    report.figure({ name: 'profile_p50_ms', value: median(profiles), better: 'lower', unit: 'ms' })
    report.figure({ name: 'profile_p99_ms', value: quantile(profiles, 0.99), must: 50, aim: 10, better: 'lower', unit: 'ms' })
    report.figure({ name: 'decide_p50_ms', value: median(decisions), better: 'lower', unit: 'ms' })
    report.figure({ name: 'decide_p99_ms', value: quantile(decisions, 0.99), better: 'lower', unit: 'ms' })
  })
}
export default profile

interface Read {
  profiles: number[]
  decisions: number[]
  sent: number
  tagged: number
}

async function define(api: ReturnType<typeof apiClient>, tags: number): Promise<void> {
  for (let n = 0; n < tags; n++)
    await api.call('PUT', `/api/tags/tag_${n}`, {
      zh: `标签 ${n}`,
      kind: 'rule',
      values: [{ value: true, rule: { event: 'Product Viewed', within: '7d', count: { gte: 1 + (n % 5) } } }],
    })
  await api.call('PUT', '/api/audiences/lookers', {
    zh: '浏览者',
    rule: { all: [{ tag: 'tag_0' }, { not: { event: 'Order Completed' } }] },
  })
}
