import { collectDefaultMetrics, Histogram, type Registry } from 'prom-client'

/** What the API says of itself. Every domain adds its own metrics to the same registry (`pipelineMetrics(registry)`, `collectMetrics(registry)`). */
export interface HttpMetrics {
  requestSeconds: Histogram<'method' | 'route' | 'status'>
}

export function httpMetrics(registry: Registry): HttpMetrics {
  collectDefaultMetrics({ register: registry })
  return {
    requestSeconds: new Histogram({
      name: 'zhike_http_request_seconds',
      help: 'Time from a request of the API to its answer, by described route.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers: [registry],
    }),
  }
}
