import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { configFrom } from '../src/config.ts'
import { startZhike } from '../src/serve.ts'
import { median, quantile } from './interleave.ts'
import { shopEvent } from './parts/workload.ts'
import type { Bench, Report } from './report.ts'

/** Time from the 200 to visible in GET /api/profiles, at 2,000 events/s; beside it the p99s of the bare steps in the same run. */
const freshness: Bench = async report => {
  const seconds = Number(report.options.seconds ?? 20)
  const directory = mkdtempSync(join(tmpdir(), 'zhike-bench-'))
  chmodSync(directory, 0o755)
  const config = configFrom({ ZHIKE_DATA: directory, ZHIKE_PORT: '0', ZHIKE_API_KEY: 'bench-api-key', ZHIKE_WRITE_KEY: 'bench-write-key' })
  const running = await startZhike({ ...config, port: 0 }, pino({ level: 'error' }))
  try {
    const stop = new AbortController()
    const load = send(running.url, Number(report.options.rate ?? 2_000), stop.signal)
    await sleep(3_000)
    const delays = await probe(running.url, seconds)
    stop.abort()
    const sent = await load
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

const headers = { authorization: `Basic ${Buffer.from('bench-write-key:').toString('base64')}`, 'content-type': 'application/json' }
const apiHeaders = { authorization: 'Bearer bench-api-key' }

/** Single events and batches of twenty, evenly over each second. */
async function send(url: string, perSecond: number, signal: AbortSignal): Promise<number> {
  const batchSize = 20
  const startedAt = performance.now()
  let sent = 0
  const waiting = new Set<Promise<unknown>>()
  while (!signal.aborted) {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond
    while (sent < due) {
      const batch = Array.from({ length: batchSize }, (_, n) => shopEvent(1_000_000 + Math.floor((sent + n) / 20), (sent + n) % 20))
      sent += batchSize
      const answer = fetch(`${url}/v1/batch`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ batch, sentAt: new Date().toISOString() }),
      })
        .then(response => response.arrayBuffer())
        .finally(() => waiting.delete(answer))
      waiting.add(answer)
    }
    await sleep(5)
  }
  await Promise.all(waiting)
  return sent
}

/** Ten times a second somebody new says who they are; how long until the profile shows it. */
async function probe(url: string, seconds: number): Promise<number[]> {
  const probes: Promise<number>[] = []
  for (let n = 0; n < seconds * 10; n++) {
    probes.push(one(url, `probe-${n}`))
    await sleep(100)
  }
  return Promise.all(probes)
}

async function one(url: string, user: string): Promise<number> {
  const body = JSON.stringify({ userId: user, messageId: user, traits: { level: 'gold' } })
  const answer = await fetch(`${url}/v1/identify`, { method: 'POST', headers, body })
  if (answer.status !== 200) throw new Error(`the collector answered ${answer.status}`)
  await answer.arrayBuffer()
  const acknowledgedAt = performance.now()
  for (;;) {
    const profile = await fetch(`${url}/api/profiles/user_id/${user}`, { headers: apiHeaders })
    const text = await profile.text()
    if (profile.status === 200 && text.includes('gold')) return performance.now() - acknowledgedAt
    await sleep(5)
  }
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
