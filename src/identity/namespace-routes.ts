import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Refusal } from '../refusal.ts'
import type { Postgres } from '../store/postgres.ts'
import { namespaceEntries, putNamespace, removeNamespace } from './namespace-store.ts'
import { namespaceDocument } from './namespaces.ts'

const document = namespaceDocument.openapi('Namespace', {
  example: {
    key: 'card_no',
    name: { zh: '储值卡号', en: 'Card number' },
    format: 'text',
    class: 'strong',
    priority: 55,
    unique: false,
    limit: 2,
    scope: 'none',
    disputed: 'review',
    blocked: ['TEST*'],
    learn: { propose: 5, block: 20 },
  },
})
const entry = z
  .object({
    document,
    origin: z
      .enum(['default', 'changed', 'own'])
      .openapi({ description: 'As shipped, a default that was changed, or the workspace’s own' }),
    identifiers: z.int().openapi({ description: 'How many identifiers of it are stored', example: 12_033 }),
  })
  .openapi('NamespaceEntry')
const json = <S extends z.ZodType>(schema: S) => ({ content: { 'application/json': { schema } } })
const keyParam = z.object({ key: z.string().openapi({ example: 'card_no' }) })

const list = createRoute({
  method: 'get',
  path: '/api/identity/namespaces',
  tags: ['identity'],
  summary: 'Kinds of identifiers, strongest first',
  responses: { 200: { description: 'Namespaces', ...json(z.object({ namespaces: z.array(entry) })) } },
})

const read = createRoute({
  method: 'get',
  path: '/api/identity/namespaces/{key}',
  tags: ['identity'],
  summary: 'One kind of identifiers',
  request: { params: keyParam },
  responses: { 200: { description: 'The namespace', ...json(entry) } },
})

const put = createRoute({
  method: 'put',
  path: '/api/identity/namespaces/{key}',
  'x-permission': 'admin',
  tags: ['identity'],
  summary: 'Add or change a kind of identifiers',
  description:
    'What is decided from now on follows it; who is who already stays until `POST /api/identity/rebuild`. A change under which stored identifiers would not be found again is refused (409).',
  request: { params: keyParam, body: { required: true, ...json(document) } },
  responses: { 200: { description: 'As it is now', ...json(entry) } },
})

const remove = createRoute({
  method: 'delete',
  path: '/api/identity/namespaces/{key}',
  'x-permission': 'admin',
  tags: ['identity'],
  summary: 'Back to the default, or gone where it is the workspace’s own and nothing of it is stored',
  request: { params: keyParam },
  responses: { 204: { description: 'Done' } },
})

export function namespaceRoutes(app: OpenAPIHono, postgres: Postgres, now: () => number): void {
  const entryOf = async (key: string) => {
    const found = (await namespaceEntries(postgres)).find(one => one.document.key === key)
    if (!found) throw new Refusal(404, 'no-such-namespace', 'There is no namespace with this key.')
    return found
  }

  app.openapi(list, async c => c.json({ namespaces: await namespaceEntries(postgres) }, 200))

  app.openapi(read, async c => c.json(await entryOf(c.req.valid('param').key), 200))

  app.openapi(put, async c => {
    const { key } = c.req.valid('param')
    const changed = c.req.valid('json')
    if (changed.key !== key)
      throw new Refusal(400, 'invalid-namespace', 'The key of the document is not the one of the address.', [
        { path: 'key', message: `must be "${key}"` },
      ])
    await putNamespace(postgres, changed, { by: c.var.caller.id, at: now() })
    return c.json(await entryOf(key), 200)
  })

  app.openapi(remove, async c => {
    await removeNamespace(postgres, c.req.valid('param').key, { by: c.var.caller.id, at: now() })
    return c.body(null, 204)
  })
}
