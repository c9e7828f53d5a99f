import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Queryable } from '../store/postgres.ts'
import { type AudienceParts, audienceIn, keyParam, ok } from './found.ts'

export interface AudienceSize {
  /** When the hour or the day begins. */
  at: string
  /** At its end. */
  members: number
  entered: number
  left: number
}

/** The size of an audience after each hour, or day of the workspace, in which somebody entered or left; oldest first. @param from `from ≤ at < to`, ms */
export async function sizesOf(
  db: Queryable,
  definition: number,
  by: 'hour' | 'day',
  zone: string,
  { from, to }: { from: number; to: number },
): Promise<AudienceSize[]> {
  const rows = await db.query<Omit<AudienceSize, 'at'> & { at: Date }>(
    `select at, (array_agg(members order by hour desc))[1] as members, sum(entered)::bigint as entered, sum("left")::bigint as "left"
     from (select *, date_trunc($2, hour, $3) as at from audience_sizes where definition = $1) s
     where at >= $4 and at < $5 group by at order by at`,
    [definition, by, zone, new Date(from), new Date(to)],
  )
  return rows.map(row => ({ ...row, at: row.at.toISOString() }))
}

const moment = z
  .string()
  .refine(text => !Number.isNaN(Date.parse(text)), 'must be a moment such as 2026-10-01T09:00:00+08:00')
  .transform(text => Date.parse(text))
  .openapi({ type: 'string', format: 'date-time' })

const route = createRoute({
  method: 'get',
  path: '/api/audiences/{key}/history',
  tags: ['audiences'],
  summary: 'How large an audience was, and who came and went: a row for each hour or day in which it changed',
  request: {
    params: keyParam,
    query: z.object({ by: z.enum(['hour', 'day']).default('day'), from: moment.optional(), to: moment.optional() }),
  },
  ...ok(
    z
      .object({ sizes: z.array(z.object({ at: z.iso.datetime(), members: z.int(), entered: z.int(), left: z.int() })) })
      .openapi('AudienceHistory'),
  ),
})

export function historyRoute(app: OpenAPIHono, parts: AudienceParts): void {
  app.openapi(route, async c => {
    const { id } = audienceIn(parts, c.req.valid('param').key)
    const { by, from = 0, to = parts.now() + 1 } = c.req.valid('query')
    return c.json({ sizes: await sizesOf(parts.postgres, id, by, parts.zone, { from, to }) }, 200)
  })
}
