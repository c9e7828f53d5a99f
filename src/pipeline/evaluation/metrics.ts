import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Decided } from './tick.ts'

/** What `/metrics` says of the evaluation. */
export interface EvaluationMetrics {
  tickSeconds: Histogram
  lagSeconds: Gauge
  ticked(decided: Decided): void
}

export function evaluationMetrics(registry: Registry): EvaluationMetrics {
  const transitions = new Counter({
    name: 'zhike_evaluation_transitions_total',
    help: 'Tags and audiences gained, lost or changed.',
    registers: [registry],
  })
  const profiles = new Counter({
    name: 'zhike_evaluation_profiles_total',
    help: 'Profiles whose state was written.',
    registers: [registry],
  })
  return {
    tickSeconds: new Histogram({
      name: 'zhike_evaluation_tick_seconds',
      help: 'Time to work out and decide one tick.',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    }),
    lagSeconds: new Gauge({
      name: 'zhike_evaluation_lag_seconds',
      help: 'How far tags and audiences are behind what was acknowledged.',
      registers: [registry],
    }),
    ticked({ transitions: changed, written }) {
      transitions.inc(changed)
      profiles.inc(written)
    },
  }
}
