import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Queryable } from '../store/postgres.ts'
import type { ApiKeys } from './api-keys.ts'
import { auditEntries } from './audit.ts'
import { permissions } from './caller.ts'

const permission = z
  .enum(permissions)
  .openapi({ description: '`personal` shows clear personal data, `admin` manages keys and reads the audit' })
const apiKey = z
  .object({
    id: z.string().openapi({ example: 'key_5f1d0c2b3a49687766' }),
    name: z.string().openapi({ example: 'mini program' }),
    hint: z.string().openapi({ description: 'How the key begins', example: 'zk_Vx3q' }),
    permissions: z.array(permission),
    createdAt: z.iso.datetime(),
    createdBy: z.string().openapi({ description: 'Id of a key, or `start`' }),
    lastUsedAt: z.iso.datetime().nullable(),
    revokedAt: z.iso.datetime().nullable(),
  })
  .openapi('ApiKey')

const list = createRoute({
  method: 'get',
  path: '/api/keys',
  'x-permission': 'admin',
  tags: ['access'],
  summary: 'API keys, revoked ones too, without their text',
  responses: { 200: { description: 'Keys', content: { 'application/json': { schema: z.object({ keys: z.array(apiKey) }) } } } },
})

const create = createRoute({
  method: 'post',
  path: '/api/keys',
  'x-permission': 'admin',
  tags: ['access'],
  summary: 'Make an API key; its text is in this answer and nowhere else',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({
              name: z.string().trim().min(1).max(100),
              permissions: z
                .array(permission)
                .min(1)
                .transform(asked => permissions.filter(one => asked.includes(one))),
            })
            .openapi('NewApiKey', { example: { name: 'mini program', permissions: ['read'] } }),
        },
      },
    },
  },
  responses: {
    201: { description: 'Made', content: { 'application/json': { schema: apiKey.extend({ key: z.string() }).openapi('MadeApiKey') } } },
  },
})

const revoke = createRoute({
  method: 'delete',
  path: '/api/keys/{id}',
  'x-permission': 'admin',
  tags: ['access'],
  summary: 'Revoke an API key; the last one that manages keys stays',
  request: { params: z.object({ id: z.string() }) },
  responses: { 204: { description: 'Revoked, now or before' } },
})

const auditEntry = z
  .object({
    id: z.int(),
    at: z.iso.datetime(),
    who: z.string().openapi({ description: 'Id of a key, or `start`' }),
    did: z.string().openapi({ example: 'key.create' }),
    what: z.string(),
    details: z.record(z.string(), z.unknown()),
  })
  .openapi('AuditEntry')

const readAudit = createRoute({
  method: 'get',
  path: '/api/audit',
  'x-permission': 'admin',
  tags: ['access'],
  summary: 'Who did what, newest first',
  request: {
    query: z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100), before: z.coerce.number().int().optional() }),
  },
  responses: { 200: { description: 'Entries', content: { 'application/json': { schema: z.object({ entries: z.array(auditEntry) }) } } } },
})

export function accessRoutes(app: OpenAPIHono, keys: ApiKeys, db: Queryable): void {
  app.openapi(list, async c => c.json({ keys: await keys.list() }, 200))

  app.openapi(create, async c => c.json(await keys.create(c.req.valid('json'), c.var.caller), 201))

  app.openapi(revoke, async c => {
    await keys.revoke(c.req.valid('param').id, c.var.caller)
    return c.body(null, 204)
  })

  app.openapi(readAudit, async c => {
    const { limit, before } = c.req.valid('query')
    return c.json({ entries: await auditEntries(db, limit, before) }, 200)
  })
}
