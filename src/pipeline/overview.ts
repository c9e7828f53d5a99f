import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { ClickHouse } from '../store/clickhouse.ts'
import type { Queryable } from '../store/postgres.ts'

const overviewSchema = z
  .object({
    profiles: z.int().openapi({ example: 6883, description: 'People; those that were merged count once' }),
    events: z.int(),
    rejected: z
      .int()
      .openapi({ description: 'Items that were kept and not sent again yet; rejected rows of files are with their imports' }),
    sources: z.array(z.object({ source: z.string(), accepted: z.int(), rejected: z.int(), deduplicated: z.int() })),
    firstEvent: z.iso.datetime().nullable(),
    lastEvent: z.iso.datetime().nullable(),
    asOf: z.iso.datetime(),
  })
  .openapi('Overview')

/** How much a workspace holds. */
export type Overview = z.infer<typeof overviewSchema>

const overview = createRoute({
  method: 'get',
  path: '/api/overview',
  tags: ['events'],
  summary: 'How much there is: people, events, sources, what was rejected',
  responses: { 200: { description: 'Counts as of now', content: { 'application/json': { schema: overviewSchema } } } },
})

export function overviewRoute(app: OpenAPIHono, parts: { postgres: Queryable; clickhouse: ClickHouse; asOf: () => number }): void {
  app.openapi(overview, async c => c.json(await overviewOf(parts.postgres, parts.clickhouse, parts.asOf()), 200))
}

async function overviewOf(postgres: Queryable, clickhouse: ClickHouse, asOf: number): Promise<Overview> {
  const [[people], sources, [kept], [facts]] = await Promise.all([
    postgres.query<{ profiles: number }>('select count(*) as profiles from leaves where root = leaf'),
    postgres.query<Overview['sources'][number]>(
      `select source, sum(accepted)::bigint as accepted, sum(rejected)::bigint as rejected, sum(deduplicated)::bigint as deduplicated
       from source_stats group by source order by source`,
    ),
    postgres.query<{ rejected: number }>('select count(*) as rejected from rejected where replayed_at is null'),
    clickhouse.query<{ events: number; first: number; last: number }>(
      'select count() as events, toUnixTimestamp64Milli(min(ts)) as first, toUnixTimestamp64Milli(max(ts)) as last from events',
    ),
  ])
  const events = facts?.events ?? 0
  const moment = (ms: number | undefined) => (events === 0 || ms === undefined ? null : new Date(ms).toISOString())
  return {
    profiles: people?.profiles ?? 0,
    events,
    rejected: kept?.rejected ?? 0,
    sources,
    firstEvent: moment(facts?.first),
    lastEvent: moment(facts?.last),
    asOf: new Date(asOf).toISOString(),
  }
}
