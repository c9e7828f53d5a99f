import type { MiddlewareHandler } from 'hono'
import type { Logger } from './logger.ts'
import type { HttpMetrics } from './metrics.ts'
import type { PolicyOf } from './route-policy.ts'

const quiet = new Set(['/health', '/ready', '/metrics'])

/** One line per request, with the route as described instead of the path that was sent: paths and queries may hold personal data. */
export function accessLog(logger: Logger, metrics: HttpMetrics, policyOf: PolicyOf): MiddlewareHandler {
  return async (c, next) => {
    const start = performance.now()
    await next()
    const route = policyOf(c)?.path ?? '(unknown)'
    const ms = performance.now() - start
    metrics.requestSeconds.observe({ method: c.req.method, route, status: c.res.status }, ms / 1000)
    const level = c.res.status >= 500 ? 'error' : quiet.has(route) ? 'debug' : 'info'
    logger[level](
      {
        requestId: c.get('requestId'),
        method: c.req.method,
        route,
        status: c.res.status,
        ms: Math.round(ms * 10) / 10,
        key: c.get('caller')?.id,
      },
      'request',
    )
  }
}
