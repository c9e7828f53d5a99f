import type { Core } from '../../src/core.ts'
import { median, quantile } from '../interleave.ts'
import type { Report } from '../report.ts'

/** What one does by hand instead: each is run alone. */
export type Steps = Record<string, () => Promise<unknown>>

/** A log append, a small PostgreSQL commit and a small ClickHouse insert, after the pipeline has stopped. */
export async function bareSteps(core: Core): Promise<Steps> {
  const { postgres, clickhouse } = core.stores
  await core.pipeline.stop()
  await postgres.query('create table bench_step (n bigint)')
  await clickhouse.command('create table bench_step as events')
  const row = `{"leaf":1,"ts":0,"received_at":0,"position":1,"range":1,"event":"x","props":{"a":1}}\n`.repeat(200)
  return {
    log: () => core.events.append(0, Buffer.from(JSON.stringify({ not: 'read' })), 1),
    postgres: () => postgres.query('insert into bench_step select * from generate_series(1, 200)'),
    clickhouse: () => clickhouse.insert('bench_step', row),
  }
}

/** What the steps cost by themselves on this machine now. @returns the sum of their p99s, ms */
export async function sumOfSteps(report: Report, steps: Steps): Promise<number> {
  let sum = 0
  for (const [name, step] of Object.entries(steps)) {
    const times: number[] = []
    const until = performance.now() + 10_000
    for (let n = 0; n < 200 && performance.now() < until; n++) {
      const startedAt = performance.now()
      await step()
      times.push(performance.now() - startedAt)
    }
    sum += quantile(times, 0.99)
    report.note(`bare ${name}: p50 ${median(times).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms`)
  }
  report.figure({ name: 'bare_steps_p99_sum_ms', value: sum, better: 'lower', unit: 'ms' })
  return sum
}
