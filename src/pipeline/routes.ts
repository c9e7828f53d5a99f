import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Queryable } from '../store/postgres.ts'
import { sourceStats } from './stats.ts'

export interface PipelineRoutesParts {
  postgres: Queryable
  flush: () => Promise<void>
  now: () => number
}

const counts = { accepted: z.int(), rejected: z.int(), deduplicated: z.int() }

const stats = createRoute({
  method: 'get',
  path: '/api/sources/{id}/stats',
  tags: ['sources'],
  summary: 'What became of what a source sent',
  request: {
    params: z.object({ id: z.string().openapi({ example: 'shop' }) }),
    query: z.object({
      hours: z.coerce
        .number()
        .int()
        .min(1)
        .max(24 * 31)
        .default(48),
    }),
  },
  responses: {
    200: {
      description: 'Totals since the first message, and the last hours one by one',
      content: {
        'application/json': {
          schema: z
            .object({ ...counts, lastAt: z.iso.datetime().nullable(), hours: z.array(z.object({ hour: z.iso.datetime(), ...counts })) })
            .openapi('SourceStats'),
        },
      },
    },
  },
})

const flush = createRoute({
  method: 'post',
  path: '/api/flush',
  'x-time-limit-seconds': 300,
  tags: ['events'],
  summary: 'Returns when everything acknowledged before the call is visible in every read',
  responses: {
    200: { description: 'Done', content: { 'application/json': { schema: z.object({ flushed: z.literal(true), tookMs: z.number() }) } } },
  },
})

export function pipelineRoutes(app: OpenAPIHono, parts: PipelineRoutesParts): void {
  app.openapi(stats, async c => {
    const since = parts.now() - c.req.valid('query').hours * 3_600_000
    return c.json(await sourceStats(parts.postgres, c.req.valid('param').id, since), 200)
  })
  app.openapi(flush, async c => {
    const startedAt = performance.now()
    await parts.flush()
    return c.json({ flushed: true as const, tookMs: Math.round(performance.now() - startedAt) }, 200)
  })
}
