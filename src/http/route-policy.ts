import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { Permission } from '../access/caller.ts'

/**
 * What a route asks for beyond its schemas. A route says it beside its path, so the description shows it too:
 * `createRoute({ method: 'post', path: '/api/rules/count', 'x-permission': 'read', 'x-time-limit-seconds': 120, … })`.
 */
export interface RoutePolicy {
  method: string
  /** As described: `/api/profiles/{id}`. */
  path: string
  /** `x-permission`; reading asks for `read` and everything else for `write` unless it says so. `public` asks for no key. */
  permission: Permission | 'public'
  /** `x-body-limit-bytes`; 0 for a body that is streamed and bounded by its reader. */
  bodyLimitBytes: number
  /** `x-time-limit-seconds`, until the answer begins; a stream may last. */
  timeLimitSeconds: number
}

export interface RouteLimits {
  bodyLimitBytes: number
  timeLimitSeconds: number
}

export type PolicyOf = (c: Context) => RoutePolicy | undefined

/** Reads the policies from the description, after every domain brought its routes. */
export function policiesOf(app: OpenAPIHono, limits: RouteLimits): RoutePolicy[] {
  return app.openAPIRegistry.definitions.flatMap(definition => {
    if (definition.type !== 'route') return []
    const { method, path, ...rest } = definition.route
    const said = rest as Record<string, unknown>
    return {
      method,
      path,
      permission: (said['x-permission'] as RoutePolicy['permission'] | undefined) ?? (method === 'get' ? 'read' : 'write'),
      bodyLimitBytes: (said['x-body-limit-bytes'] as number | undefined) ?? limits.bodyLimitBytes,
      timeLimitSeconds: (said['x-time-limit-seconds'] as number | undefined) ?? limits.timeLimitSeconds,
    }
  })
}

/** The policy of the route that will handle the request; undefined when none will. */
export function policyFinder(policies: () => readonly RoutePolicy[]): PolicyOf {
  let byRoute: Map<string, RoutePolicy> | undefined
  return c => {
    byRoute ??= new Map(policies().map(policy => [`${policy.method} ${routingPath(policy.path)}`, policy]))
    const method = c.req.method === 'HEAD' ? 'get' : c.req.method.toLowerCase()
    for (const { path } of matchedRoutes(c)) {
      const policy = byRoute.get(`${method} ${path}`)
      if (policy) return policy
    }
    return undefined
  }
}

function routingPath(path: string): string {
  return path.replaceAll(/\/{(.+?)}/g, '/:$1')
}
