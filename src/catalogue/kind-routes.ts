import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Queryable } from '../store/postgres.ts'
import type { Catalogue } from './catalogue.ts'
import { countOfEntities } from './entity-store.ts'
import type { StoredKind } from './kind-store.ts'
import { kindDocument, kindKey } from './kinds.ts'

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })
const version = z.int().min(0)
const kind = kindDocument
  .extend({
    kind: kindKey,
    version: version.openapi({ description: '0: a default that nobody has changed' }),
  })
  .openapi('EntityKind')
const madeOn = { description: 'The version that the change was made on; a newer one is refused' }
const params = z.object({ kind: kindKey })

const list = createRoute({
  method: 'get',
  path: '/api/entity-kinds',
  tags: ['catalogue'],
  summary: 'Kinds of entities, with how many there are of each',
  responses: { 200: { description: 'Kinds', ...json(z.object({ kinds: z.array(kind.extend({ entities: z.int() })) })) } },
})
const get = createRoute({
  method: 'get',
  path: '/api/entity-kinds/{kind}',
  tags: ['catalogue'],
  summary: 'A kind of entity',
  request: { params },
  responses: { 200: { description: 'The kind', ...json(kind) } },
})
const put = createRoute({
  method: 'put',
  path: '/api/entity-kinds/{kind}',
  tags: ['catalogue'],
  summary: 'Add or change a kind: its names, its attributes, which properties of events name one of it',
  request: {
    params,
    body: { required: true, ...json(kindDocument.extend({ version: version.optional().openapi(madeOn) })) },
  },
  responses: { 200: { description: 'As it is now', ...json(kind) } },
})
const remove = createRoute({
  method: 'delete',
  path: '/api/entity-kinds/{kind}',
  tags: ['catalogue'],
  summary: 'Remove a kind of which there are no entities; a default becomes what it was',
  request: { params, query: z.object({ version: z.coerce.number().int().min(0).optional().openapi(madeOn) }) },
  responses: { 204: { description: 'Removed' } },
})

export function kindRoutes(app: OpenAPIHono, catalogue: Catalogue, db: Queryable): void {
  app.openapi(list, async c => {
    const counts = await countOfEntities(db)
    return c.json({ kinds: catalogue.kinds().map(one => ({ ...shown(one), entities: counts.get(one.key) ?? 0 })) }, 200)
  })
  app.openapi(get, c => c.json(shown(catalogue.kind(c.req.valid('param').kind)), 200))
  app.openapi(put, async c => {
    const { version: expected, ...document } = c.req.valid('json')
    return c.json(shown(await catalogue.putKind(c.req.valid('param').kind, document, { expected, by: c.var.caller.id })), 200)
  })
  app.openapi(remove, async c => {
    await catalogue.removeKind(c.req.valid('param').kind, { expected: c.req.valid('query').version, by: c.var.caller.id })
    return c.body(null, 204)
  })
}

function shown({ key, ...document }: StoredKind): z.infer<typeof kind> {
  return { kind: key, ...document }
}
