import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { configFrom } from '../src/config.ts'
import { startZhike } from '../src/serve.ts'
import { median, quantile } from './interleave.ts'
import type { Bench, Report } from './report.ts'

/** Time from the 200 to visible in GET /api/profiles, at 2,000 events/s; beside it the p99s of the bare steps in the same run. */
const freshness: Bench = async report => {
  const seconds = Number(report.options.seconds ?? 20)
  const directory = mkdtempSync(join(tmpdir(), 'zhike-bench-'))
  chmodSync(directory, 0o755)
  const config = configFrom({ ZHIKE_DATA: directory, ZHIKE_PORT: '0', ZHIKE_API_KEY: 'bench-api-key', ZHIKE_WRITE_KEY: 'bench-write-key' })
  const running = await startZhike({ ...config, port: 0 }, pino({ level: 'error' }))
  try {
    const { delays, sent } = await fromAnotherProcess(running.url, Number(report.options.rate ?? 2_000), seconds)
    report.note(`${delays.length} probes beside ${sent} events (${Math.round(sent / (seconds + 3))} a second)`)
    report.figure({ name: 'fresh_p50_ms', value: median(delays), better: 'lower', unit: 'ms' })
    report.figure({ name: 'fresh_p99_ms', value: quantile(delays, 0.99), must: 1_000, aim: 300, better: 'lower', unit: 'ms' })
    await bareSteps(report, running)
  } finally {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
export default freshness

/** The senders and readers have an event loop of their own. */
async function fromAnotherProcess(url: string, perSecond: number, seconds: number): Promise<{ delays: number[]; sent: number }> {
  const client = fork(new URL('parts/freshness-client.ts', import.meta.url), [url, `${perSecond}`, `${seconds}`])
  const [answer] = await Promise.race([once(client, 'message'), once(client, 'exit')])
  if (typeof answer !== 'object') throw new Error(`the client ended with ${answer}`)
  return answer as { delays: number[]; sent: number }
}

/** What the steps cost by themselves on this machine now: a log append, a small PostgreSQL commit, a small ClickHouse insert. */
async function bareSteps(report: Report, { core }: Awaited<ReturnType<typeof startZhike>>): Promise<void> {
  const { postgres, clickhouse } = core.stores
  await postgres.query('create table bench_step (n bigint)')
  await clickhouse.command('create table bench_step as events')
  const row = `{"leaf":1,"ts":0,"received_at":0,"position":1,"range":1,"event":"x","props":{"a":1}}\n`.repeat(200)
  const steps: Record<string, () => Promise<unknown>> = {
    log: () => core.events.append(0, Buffer.from(JSON.stringify({ not: 'read' })), 1),
    postgres: () => postgres.query('insert into bench_step select * from generate_series(1, 200)'),
    clickhouse: () => clickhouse.insert('bench_step', row),
  }
  await core.pipeline.stop()
  let sum = 0
  for (const [name, step] of Object.entries(steps)) {
    const times: number[] = []
    for (let n = 0; n < 200; n++) {
      const startedAt = performance.now()
      await step()
      times.push(performance.now() - startedAt)
    }
    sum += quantile(times, 0.99)
    report.note(`bare ${name}: p50 ${median(times).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms`)
  }
  report.figure({ name: 'bare_steps_p99_sum_ms', value: sum, better: 'lower', unit: 'ms' })
}
