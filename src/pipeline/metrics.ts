import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Fate } from './stats.ts'

/** What `/metrics` says of the pipeline. */
export interface PipelineMetrics {
  decideSeconds: Histogram
  storeSeconds: Histogram
  lagEvents: Gauge<'partition'>
  count(total: Record<Fate, number>): void
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function pipelineMetrics(registry: Registry): PipelineMetrics {
  const items = new Counter({
    name: 'zhike_pipeline_items_total',
    help: 'Items taken from the log or a file, by what became of them.',
    labelNames: ['fate'],
    registers: [registry],
  })
  return {
    decideSeconds: new Histogram({
      name: 'zhike_pipeline_decide_seconds',
      help: 'Time to decide a batch in PostgreSQL.',
      buckets: seconds,
      registers: [registry],
    }),
    storeSeconds: new Histogram({
      name: 'zhike_pipeline_store_seconds',
      help: 'Time to write a decided batch to ClickHouse.',
      buckets: seconds,
      registers: [registry],
    }),
    lagEvents: new Gauge({
      name: 'zhike_pipeline_lag_events',
      help: 'Events in the log that are not decided yet.',
      labelNames: ['partition'],
      registers: [registry],
    }),
    count(total) {
      for (const [fate, count] of Object.entries(total)) if (count > 0) items.inc({ fate }, count)
    },
  }
}
