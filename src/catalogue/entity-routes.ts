import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Refusal } from '../refusal.ts'
import type { Postgres } from '../store/postgres.ts'
import type { Catalogue } from './catalogue.ts'
import { entityDocument, entityFaults, entityId } from './entities.ts'
import { type Entity, entitiesOf, entityOf, putEntities, putEntity, removeEntity } from './entity-store.ts'
import { kindKey } from './kinds.ts'
import { entitiesIn } from './rows.ts'

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })
const version = z.int().min(0)
const madeOn = { description: 'The version that the change was made on; a newer one is refused' }
const entity = entityDocument
  .extend({ id: entityId, version: version.openapi({ example: 3 }), updatedAt: z.iso.datetime() })
  .openapi('Entity')
const ofKind = z.object({ kind: kindKey })
const params = z.object({ kind: kindKey, id: entityId })
const mostRows = 20_000
const refusedShown = 1000

const list = createRoute({
  method: 'get',
  path: '/api/entities/{kind}',
  tags: ['catalogue'],
  summary: 'Entities of a kind, by id',
  request: {
    params: ofKind,
    query: z.object({
      search: z.string().min(1).max(200).optional().openapi({ description: 'A part of the id or of a name' }),
      after: entityId.optional().openapi({ description: 'The `next` of the page before' }),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
    }),
  },
  responses: { 200: { description: 'A page', ...json(z.object({ entities: z.array(entity), next: z.string().optional() })) } },
})
const get = createRoute({
  method: 'get',
  path: '/api/entities/{kind}/{id}',
  tags: ['catalogue'],
  summary: 'An entity',
  request: { params },
  responses: { 200: { description: 'The entity', ...json(entity) } },
})
const put = createRoute({
  method: 'put',
  path: '/api/entities/{kind}/{id}',
  tags: ['catalogue'],
  summary: 'Add or replace an entity',
  request: { params, body: { required: true, ...json(entityDocument.extend({ version: version.optional().openapi(madeOn) })) } },
  responses: { 200: { description: 'As it is now', ...json(entity) } },
})
const remove = createRoute({
  method: 'delete',
  path: '/api/entities/{kind}/{id}',
  tags: ['catalogue'],
  summary: 'Remove an entity: events that name it name nothing then',
  request: { params, query: z.object({ version: z.coerce.number().int().min(0).optional().openapi(madeOn) }) },
  responses: { 204: { description: 'Removed' } },
})
/** Not looked at before its turn: a row that is none comes back alone. */
const row = z.unknown().openapi({
  type: 'object',
  description: 'An entity with its id; keys that an entity has not are attributes',
  example: { id: 'P104', zh: '光子护理(单次)', category: 'photo', price: 1280 },
})
const bulk = createRoute({
  method: 'post',
  path: '/api/entities/{kind}',
  'x-body-limit-bytes': 32 * 2 ** 20,
  'x-time-limit-seconds': 120,
  tags: ['catalogue'],
  summary: `Add or replace up to ${mostRows} entities; rows that cannot be taken come back with their reason, the others go in`,
  request: {
    params: ofKind,
    body: { content: { 'application/json': { schema: z.array(row).max(mostRows) }, 'application/x-ndjson': { schema: z.string() } } },
  },
  responses: {
    200: {
      description: 'What became of the rows',
      ...json(
        z.object({
          taken: z.int().openapi({ description: 'Entities that are as their rows say' }),
          changed: z.int().openapi({ description: 'Those of them that were not so before' }),
          refused: z.int(),
          faults: z
            .array(
              z.object({
                row: z.int().openapi({ description: 'From 1' }),
                id: z.string().optional(),
                path: z.string(),
                message: z.string(),
              }),
            )
            .openapi({ description: `The first ${refusedShown}` }),
        }),
      ),
    },
  },
})

export function entityRoutes(app: OpenAPIHono, catalogue: Catalogue, postgres: Postgres, now: () => number): void {
  app.openapi(list, async c => {
    const { search, after, limit } = c.req.valid('query')
    const found = await entitiesOf(postgres, catalogue.kind(c.req.valid('param').kind).key, { search, after, limit: limit + 1 })
    const page = found.slice(0, limit)
    const last = page.at(-1)
    return c.json({ entities: page.map(shown), ...(found.length > limit && last && { next: last.id }) }, 200)
  })
  app.openapi(get, async c => {
    const { kind, id } = c.req.valid('param')
    return c.json(shown(await entityOf(postgres, catalogue.kind(kind).key, id)), 200)
  })
  app.openapi(put, async c => {
    const { kind: key, id } = c.req.valid('param')
    const { version: expected, ...document } = c.req.valid('json')
    const kind = catalogue.kind(key)
    const faults = entityFaults(kind, id, document)
    if (faults.length > 0) throw new Refusal(422, 'invalid-request', 'the entity cannot be kept as it is, see details', faults)
    return c.json(shown(await putEntity(postgres, kind.key, id, document, { expected, by: c.var.caller.id, at: now() })), 200)
  })
  app.openapi(remove, async c => {
    const { kind, id } = c.req.valid('param')
    const expected = c.req.valid('query').version
    await removeEntity(postgres, catalogue.kind(kind).key, id, { expected, by: c.var.caller.id, at: now() })
    return c.body(null, 204)
  })
  app.openapi(bulk, async c => {
    const kind = catalogue.kind(c.req.valid('param').kind)
    const isLines = c.req.header('content-type')?.startsWith('application/x-ndjson') ?? false
    const rows = isLines ? linesIn(await c.req.text()) : c.req.valid('json')
    if (!Array.isArray(rows))
      throw new Refusal(415, 'media-type', 'send an array as application/json, or a row per line as application/x-ndjson')
    const { entities, refused } = entitiesIn(rows, kind)
    const changed = await putEntities(postgres, kind.key, entities, { by: c.var.caller.id, at: now() })
    return c.json({ taken: entities.size, changed, refused: refused.length, faults: refused.slice(0, refusedShown) }, 200)
  })
}

/** A line that is no JSON is a row that is refused. */
function linesIn(text: string): unknown[] {
  const lines = text.split('\n').filter(line => line.trim() !== '')
  if (lines.length > mostRows) throw new Refusal(413, 'too-large', `at most ${mostRows} rows at once`)
  return lines.map(line => {
    try {
      return JSON.parse(line) as unknown
    } catch {
      return undefined
    }
  })
}

function shown({ id, document, version: at, updatedAt }: Entity): z.infer<typeof entity> {
  return { id, ...document, version: at, updatedAt }
}
