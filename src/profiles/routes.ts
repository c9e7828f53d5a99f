import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { seesPersonal } from '../access/caller.ts'
import { leavesOf } from '../identity/find.ts'
import { Refusal } from '../refusal.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import { type EventFilter, eventsPage } from './events.ts'
import { traitHistory } from './history.ts'
import { findProfile, type ProfileReader, readProfile } from './read.ts'
import { liveTail, type TailPosition, type TailWatermarks } from './tail.ts'

export interface ProfileRoutesParts {
  reader: ProfileReader
  clickhouse: ClickHouse
  watermarks: () => Promise<TailWatermarks>
  /** Answers with server-sent events. */
  eventStream: (c: Context, source: (position: TailPosition) => AsyncIterable<{ id: string; event: string; data: unknown }>) => Response
}

const json = z.unknown().openapi({ description: 'Any JSON value' })

const profileSchema = z
  .object({
    id: z
      .string()
      .regex(/^\d+$/)
      .openapi({ example: '1042', description: 'The oldest leaf of the person; an id that was merged away answers with the survivor.' }),
    identifiers: z.array(
      z.object({
        namespace: z.string().openapi({ example: 'phone' }),
        value: z.string().openapi({ example: '+86199****0001', description: 'Masked' }),
        state: z.enum(['linked', 'shared', 'blocked', 'unlinked']),
        since: z.iso.datetime(),
      }),
    ),
    traits: z
      .record(z.string(), json)
      .openapi({ description: 'The values that count now; personal ones are masked unless the key has the permission `personal`.' }),
    tags: z.array(z.object({ key: z.string(), value: json, score: z.number(), since: z.iso.datetime() })),
    audiences: z.array(z.string()),
    consents: z.array(z.object({ purpose: z.string(), given: z.boolean(), since: z.iso.datetime() })),
    asOf: z.iso.datetime().openapi({ description: 'Everything acknowledged before this moment is part of the answer.' }),
  })
  .openapi('Profile')

const eventSchema = z
  .object({
    position: z.string(),
    leaf: z.int(),
    event: z.string().openapi({ example: 'Product Viewed' }),
    ts: z.iso.datetime(),
    receivedAt: z.iso.datetime(),
    source: z.string(),
    channel: z.string(),
    historical: z.boolean(),
    messageId: z.string(),
    props: z.record(z.string(), json),
    context: z.record(z.string(), json),
  })
  .openapi('Event')

const eventsSchema = z.object({
  events: z.array(eventSchema),
  next: z.string().optional().openapi({ description: 'Give it as `cursor` for the page after this one.' }),
})

const moment = z
  .string()
  .refine(text => !Number.isNaN(Date.parse(text)), 'must be a moment such as 2026-10-01T09:00:00+08:00')
  .transform(text => Date.parse(text))
  .openapi({ type: 'string', format: 'date-time' })

const filterQuery = z.object({
  event: z
    .string()
    .optional()
    .openapi({ description: 'One name, or several separated by commas', example: 'Product Viewed,Order Completed' }),
  source: z.string().optional(),
  from: moment.optional(),
  to: moment.optional(),
  historical: z.enum(['true', 'false']).optional(),
  messageId: z.string().optional(),
})

const pageQuery = filterQuery.extend({ limit: z.coerce.number().int().min(1).max(1_000).default(50), cursor: z.string().optional() })

const idParam = z.object({
  id: z
    .string()
    .regex(/^\d{1,10}$/, 'a profile id is digits')
    .openapi({ example: '1042' }),
})

const ok = <S extends z.ZodType>(schema: S, description: string) => ({ 200: { description, content: { 'application/json': { schema } } } })

const byId = createRoute({
  method: 'get',
  path: '/api/profiles/{id}',
  tags: ['profiles'],
  summary: 'A person by profile id',
  request: { params: idParam },
  responses: ok(profileSchema, 'The profile'),
})

const profileEvents = createRoute({
  method: 'get',
  path: '/api/profiles/{id}/events',
  tags: ['profiles'],
  summary: 'What a person did, newest first',
  request: { params: idParam, query: pageQuery },
  responses: ok(eventsSchema, 'A page of events'),
})

const profileTraits = createRoute({
  method: 'get',
  path: '/api/profiles/{id}/traits',
  tags: ['profiles'],
  summary: 'How a person’s traits changed, newest first',
  request: {
    params: idParam,
    query: z.object({ key: z.string().optional(), limit: z.coerce.number().int().min(1).max(1_000).default(100) }),
  },
  responses: ok(
    z.object({
      changes: z.array(
        z.object({
          key: z.string(),
          op: z.enum(['set', 'unset']),
          value: json,
          ts: z.iso.datetime(),
          source: z.string(),
          position: z.string(),
        }),
      ),
    }),
    'Changes; personal values are keyed hashes',
  ),
})

const byIdentifier = createRoute({
  method: 'get',
  path: '/api/profiles/{namespace}/{value}',
  tags: ['profiles'],
  summary: 'A person by an identifier; POST /api/profiles/lookup keeps personal values out of addresses',
  request: {
    params: z.object({
      namespace: z
        .string()
        .regex(/^[a-zA-Z]/, 'a namespace starts with a letter')
        .openapi({ example: 'user_id' }),
      value: z.string().openapi({ example: 'u-1042' }),
    }),
  },
  responses: ok(profileSchema, 'The profile'),
})

const lookup = createRoute({
  method: 'post',
  path: '/api/profiles/lookup',
  'x-permission': 'read',
  tags: ['profiles'],
  summary: 'A person by an identifier that does not stand in an address',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({
            namespace: z.string().openapi({ example: 'phone' }),
            value: z.string().openapi({ example: '199 0000 0001' }),
          }),
        },
      },
    },
  },
  responses: ok(profileSchema, 'The profile'),
})

const listEvents = createRoute({
  method: 'get',
  path: '/api/events',
  tags: ['events'],
  summary: 'What happened, newest first',
  request: { query: pageQuery },
  responses: ok(eventsSchema, 'A page of events'),
})

const tail = createRoute({
  method: 'get',
  path: '/api/events/tail',
  tags: ['events'],
  summary: 'What happens now, as it becomes visible (server-sent events); resumes by Last-Event-ID',
  request: { query: filterQuery },
  responses: {
    200: { description: 'A stream of `event` messages, each an Event', content: { 'text/event-stream': { schema: z.string() } } },
  },
})

export function profileRoutes(app: OpenAPIHono, { reader, clickhouse, watermarks, eventStream }: ProfileRoutesParts): void {
  const leavesFor = async (id: string): Promise<number[]> => {
    const leaves = await leavesOf(reader.postgres, Number(id))
    if (leaves.length === 0) throw new Refusal(404, 'no-such-profile', 'There is no profile with this id.')
    return leaves
  }

  app.openapi(byId, async c => c.json(await readProfile(reader, Number(c.req.valid('param').id), seesPersonal(c.get('caller'))), 200))

  app.openapi(profileEvents, async c => {
    const { limit, cursor, ...query } = c.req.valid('query')
    const leaves = await leavesFor(c.req.valid('param').id)
    return c.json(await eventsPage(clickhouse, { ...filterOf(query), leaves }, limit, cursor), 200)
  })

  app.openapi(profileTraits, async c => {
    const { key, limit } = c.req.valid('query')
    return c.json({ changes: await traitHistory(clickhouse, await leavesFor(c.req.valid('param').id), key, limit) }, 200)
  })

  app.openapi(lookup, async c => {
    const { namespace, value } = c.req.valid('json')
    return c.json(await readProfile(reader, await findProfile(reader, namespace, value), seesPersonal(c.get('caller'))), 200)
  })

  app.openapi(byIdentifier, async c => {
    const { namespace, value } = c.req.valid('param')
    return c.json(await readProfile(reader, await findProfile(reader, namespace, value), seesPersonal(c.get('caller'))), 200)
  })

  app.openapi(tail, c => {
    const filter = filterOf(c.req.valid('query'))
    return eventStream(c, position => liveTail(clickhouse, watermarks, filter, position)) as never
  })

  app.openapi(listEvents, async c => {
    const { limit, cursor, ...query } = c.req.valid('query')
    return c.json(await eventsPage(clickhouse, filterOf(query), limit, cursor), 200)
  })
}

function filterOf({ event, source, from, to, historical, messageId }: z.output<typeof filterQuery>): EventFilter {
  return {
    ...(event === undefined ? {} : { events: event.split(',') }),
    ...(source === undefined ? {} : { source }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(historical === undefined ? {} : { historical: historical === 'true' }),
    ...(messageId === undefined ? {} : { messageId }),
  }
}
