import { Counter, type Registry } from 'prom-client'
import type { Observation } from './collector.ts'

/** What `/metrics` says of the front door. */
export function collectMetrics(registry: Registry): { observe(happened: Observation): void } {
  const requests = new Counter({
    name: 'zhike_collect_requests_total',
    help: 'Requests for events, by format and status of the answer.',
    labelNames: ['format', 'status'],
    registers: [registry],
  })
  const items = new Counter({
    name: 'zhike_collect_items_total',
    help: 'Items that the front door took or refused.',
    labelNames: ['outcome'],
    registers: [registry],
  })
  return {
    observe({ format, status, accepted, rejected }) {
      requests.inc({ format, status })
      if (accepted > 0) items.inc({ outcome: 'accepted' }, accepted)
      if (rejected > 0) items.inc({ outcome: 'rejected' }, rejected)
    },
  }
}
