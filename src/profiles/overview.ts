import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { ClickHouse } from '../store/clickhouse.ts'
import type { Queryable } from '../store/postgres.ts'

/** How much there is, at a glance. */
const overviewSchema = z
  .object({
    profiles: z.int().openapi({ description: 'People, merged ones once', example: 6883 }),
    events: z.int().openapi({ example: 74_169 }),
    bySource: z.array(z.object({ source: z.string(), events: z.int(), first: z.iso.datetime(), last: z.iso.datetime() })).openapi({
      description: 'The most events first; the times are those of the earliest and latest event',
    }),
  })
  .openapi('Overview')

export type Overview = z.infer<typeof overviewSchema>

const overview = createRoute({
  method: 'get',
  path: '/api/overview',
  tags: ['profiles'],
  summary: 'How many people and events there are',
  responses: { 200: { description: 'The numbers', content: { 'application/json': { schema: overviewSchema } } } },
})

interface Stores {
  postgres: Queryable
  clickhouse: ClickHouse
}

export function overviewRoute(app: OpenAPIHono, stores: Stores): void {
  app.openapi(overview, async c => c.json(await overviewOf(stores), 200))
}

async function overviewOf({ postgres, clickhouse }: Stores): Promise<Overview> {
  const [[people], sources] = await Promise.all([
    postgres.query<{ profiles: number }>('select count(*) as profiles from leaves where root = leaf'),
    clickhouse.query<{ source: string; events: number; first: number; last: number }>(`
      select source, count() as events, toUnixTimestamp64Milli(min(ts)) as first, toUnixTimestamp64Milli(max(ts)) as last
      from events
      group by source
      order by events desc, source`),
  ])
  const iso = (ms: number) => new Date(ms).toISOString()
  const bySource = sources.map(({ source, events, first, last }) => ({ source, events, first: iso(first), last: iso(last) }))
  return { profiles: people?.profiles ?? 0, events: bySource.reduce((sum, { events }) => sum + events, 0), bySource }
}
