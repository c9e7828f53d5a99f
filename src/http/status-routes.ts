import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Registry } from 'prom-client'
import { Refusal } from '../refusal.ts'
import { type Authenticate, callerOf } from './authenticate.ts'

/** One condition of being ready. */
export interface ReadyCheck {
  name: string
  /** Nothing when it holds, else a sentence that says what is missing (no addresses: anybody may read it). A throw counts as missing. */
  check(): Promise<string | undefined> | string | undefined
}

const checkWithinMs = 2_000

const healthSchema = z.object({ status: z.literal('up') }).openapi('Health')
const readySchema = z
  .object({
    ready: z.boolean(),
    checks: z
      .array(z.object({ name: z.string(), ok: z.boolean(), says: z.string().optional() }))
      .openapi({ example: [{ name: 'postgres', ok: true }] }),
  })
  .openapi('Ready')

const health = createRoute({
  method: 'get',
  path: '/health',
  'x-permission': 'public',
  tags: ['status'],
  summary: 'The process is up',
  responses: { 200: { description: 'Up', content: { 'application/json': { schema: healthSchema } } } },
})

const ready = createRoute({
  method: 'get',
  path: '/ready',
  'x-permission': 'public',
  tags: ['status'],
  summary: 'The stores are reachable, migrations are done, the pipeline runs',
  responses: {
    200: { description: 'Ready', content: { 'application/json': { schema: readySchema } } },
    503: { description: 'Not ready', content: { 'application/json': { schema: readySchema } } },
  },
})

const metrics = createRoute({
  method: 'get',
  path: '/metrics',
  'x-permission': 'public',
  tags: ['status'],
  summary: 'Prometheus metrics: open on loopback, with an API key (`read`) from elsewhere or through a proxy',
  responses: { 200: { description: 'Metrics in the text format', content: { 'text/plain': { schema: z.string() } } } },
})

export function statusRoutes(app: OpenAPIHono, checks: readonly ReadyCheck[], registry: Registry, authenticate: Authenticate): void {
  app.openapi(health, c => c.json({ status: 'up' as const }, 200))

  app.openapi(ready, async c => {
    const results = await Promise.all(checks.map(resultOf))
    const isReady = results.every(({ ok }) => ok)
    return c.json({ ready: isReady, checks: results }, isReady ? 200 : 503)
  })

  app.openapi(metrics, async c => {
    if (!isLocal(c)) {
      const caller = await callerOf(c.req.header('authorization'), authenticate)
      if (!caller.permissions.has('read')) throw new Refusal(403, 'not-permitted', 'this API key has no permission "read"')
    }
    return c.body(await registry.metrics(), 200, { 'content-type': registry.contentType }) as never
  })
}

async function resultOf({ name, check }: ReadyCheck): Promise<{ name: string; ok: boolean; says?: string }> {
  const late = new Promise<string>(resolve => setTimeout(resolve, checkWithinMs, 'does not answer').unref())
  try {
    const says = await Promise.race([check(), late])
    return says === undefined ? { name, ok: true } : { name, ok: false, says }
  } catch {
    return { name, ok: false, says: 'does not answer' }
  }
}

/** From this machine and not forwarded by a proxy on it. */
function isLocal(c: Context): boolean {
  const address: unknown = c.env?.incoming?.socket?.remoteAddress
  const isLoopback = typeof address === 'string' && /^(::1|(::ffff:)?127\.)/.test(address)
  return isLoopback && !['forwarded', 'x-forwarded-for', 'x-real-ip'].some(name => c.req.header(name) !== undefined)
}
