import { randomUUID } from 'node:crypto'
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { timeout } from 'hono/timeout'
import type { Registry } from 'prom-client'
import { Refusal } from '../refusal.ts'
import { accessLog } from './access-log.ts'
import { type Authenticate, authenticated } from './authenticate.ts'
import { bodyAtMost } from './body-limit.ts'
import { type DescribedPaths, describe } from './description.ts'
import type { Logger } from './logger.ts'
import { httpMetrics } from './metrics.ts'
import { fits, nearestRoute } from './nearest-route.ts'
import { invalidRequest, problemResponse } from './problem.ts'
import { type PolicyOf, policiesOf, policyFinder, type RouteLimits, type RoutePolicy } from './route-policy.ts'
import { type ReadyCheck, statusRoutes } from './status-routes.ts'

export interface ApiParts {
  authenticate: Authenticate
  logger: Logger
  /** Filled by every domain; shown at `/metrics`. */
  registry: Registry
  checks: readonly ReadyCheck[]
  /** Each domain brings its own: `app => profileRoutes(app, …)`. */
  routes: readonly ((app: OpenAPIHono) => void)[]
  /** What is served in front of this app, for the description. */
  otherPaths?: DescribedPaths
  version: string
  limits?: RouteLimits
}

const defaultLimits: RouteLimits = { bodyLimitBytes: 1024 * 1024, timeLimitSeconds: 30 }

/** Everything on `/api/*`, and `/health`, `/ready`, `/metrics`. */
export function createApi({
  authenticate,
  logger,
  registry,
  checks,
  routes,
  otherPaths = {},
  version,
  limits = defaultLimits,
}: ApiParts): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: result => {
      if (!result.success) throw invalidRequest(result.target, result.error)
    },
  })
  let policies: RoutePolicy[] | undefined
  const knownPolicies = () => (policies ??= policiesOf(app, limits))
  const policyOf = policyFinder(knownPolicies)

  app.onError((error, c) => {
    if (!(error instanceof Refusal)) logger.error({ err: error, requestId: c.get('requestId') }, 'request failed')
    return problemResponse(c, error)
  })
  app.notFound(c => problemResponse(c, unknownRoute(c, knownPolicies(), Object.keys(otherPaths))))

  app.use(withRequestId)
  app.use(accessLog(logger, httpMetrics(registry), policyOf))
  app.use(secureHeaders({ strictTransportSecurity: false, xFrameOptions: 'DENY' }))
  app.use('/api/*', apiHeaders, authenticated(authenticate, policyOf), limited(policyOf))

  statusRoutes(app, checks, registry, authenticate)
  for (const register of routes) register(app)
  describedAt(app, '/api/openapi.json', version, otherPaths)
  return app
}

const withRequestId: MiddlewareHandler = async (c, next) => {
  c.set('requestId', randomUUID())
  await next()
  c.res.headers.set('x-request-id', c.get('requestId'))
}

const apiHeaders: MiddlewareHandler = async (c, next) => {
  await next()
  c.res.headers.set('cache-control', 'no-store')
  c.res.headers.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
}

/** The body's size and the time to the answer, as the route says. */
function limited(policyOf: PolicyOf): MiddlewareHandler {
  return async (c, next) => {
    const policy = policyOf(c)
    if (!policy) return next()
    const { bodyLimitBytes, timeLimitSeconds } = policy
    if (bodyLimitBytes > 0) await bodyAtMost(c, bodyLimitBytes)
    const tooSlow = () => new Refusal(504, 'too-slow', `no answer within ${timeLimitSeconds} s; ask for less at once`)
    return timeout(timeLimitSeconds * 1000, tooSlow as never)(c, next)
  }
}

/** 405 where another method would do, else 404 with the route that comes nearest. */
function unknownRoute(c: Context, policies: readonly RoutePolicy[], others: readonly string[]): Refusal {
  const methods = policies.filter(({ path }) => fits(c.req.path, path)).map(({ method }) => method.toUpperCase())
  if (methods.length > 0) {
    c.header('allow', methods.join(', '))
    return new Refusal(405, 'method-not-allowed', `this route takes ${methods.join(', ')}`)
  }
  const nearest = nearestRoute(c.req.path, [...policies.map(({ path }) => path), ...others])
  return new Refusal(
    404,
    'unknown-route',
    `there is no such route${nearest ? `; the nearest is ${nearest}` : ''}; /api/openapi.json lists them all`,
  )
}

/** The description is public, as the program is. */
function describedAt(app: OpenAPIHono, path: string, version: string, others: DescribedPaths): void {
  let document: string | undefined
  app.openAPIRegistry.registerPath({
    method: 'get',
    path,
    'x-permission': 'public',
    tags: ['status'],
    summary: 'This description',
    responses: { 200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } } },
  })
  app.get(path, c => {
    document ??= JSON.stringify(describe(app, version, others))
    return c.body(document, 200, { 'content-type': 'application/json' })
  })
}
