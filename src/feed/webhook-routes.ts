import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import type { Postgres } from '../store/postgres.ts'
import { keyText } from '../tags/document.ts'
import { type OutboundRules, urlFault } from './outbound.ts'
import { definitionNames } from './stream.ts'
import { removeWebhook, saveWebhook, webhookOf, webhooksIn } from './webhooks.ts'

export interface WebhookRoutesParts {
  postgres: Postgres
  keys: Keys
  rules: OutboundRules
  now: () => number
}

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })
const ok = <T extends z.ZodType>(schema: T) => ({ responses: { 200: { description: 'The answer', ...json(schema) } } })
const key = z.object({ key: keyText })
const view = z
  .object({
    key: z.string(),
    url: z.string(),
    definitions: z.array(z.string()).nullable().openapi({ description: 'null: all' }),
    state: z
      .enum(['active', 'dead'])
      .openapi({ description: 'dead: nobody answered for about a day, or it answered 410; write it again to revive it' }),
    cursor: z.int().openapi({ description: 'The last change that was delivered' }),
    failures: z.int().openapi({ description: 'In a row' }),
    lastError: z.string().nullable(),
    deliveredAt: z.iso.datetime().nullable(),
    nextAt: z.iso.datetime(),
  })
  .openapi('Webhook')
const body = z
  .strictObject({
    url: z.string().max(2000),
    definitions: z.array(definitionNames).min(1).max(500).optional(),
    secret: z.string().min(16).max(200).optional().openapi({ description: 'Signs what is sent; made, and shown this once, without it' }),
  })
  .openapi('WebhookDocument')

export function webhookRoutes(app: OpenAPIHono, { postgres, keys, rules, now }: WebhookRoutesParts): void {
  const find = async (name: string) => {
    const found = await webhookOf(postgres, name)
    if (!found) throw new Refusal(404, 'no-such-webhook', `There is no webhook ${JSON.stringify(name)}.`)
    return found
  }
  const at = (path: string, summary: string) => ({ path: `/api/webhooks${path}` as const, tags: ['changes'], summary })

  app.openapi(
    createRoute({ method: 'get', ...at('', 'Who is told of changes, and how far'), ...ok(z.object({ webhooks: z.array(view) })) }),
    async c => c.json({ webhooks: await webhooksIn(postgres) }, 200),
  )
  app.openapi(
    createRoute({ method: 'get', ...at('/{key}', 'One webhook and its state'), request: { params: key }, ...ok(view) }),
    async c => c.json(await find(c.req.valid('param').key), 200),
  )
  app.openapi(
    createRoute({
      method: 'put',
      ...at('/{key}', 'Tell an address of changes, in order and at least once, signed'),
      'x-permission': 'admin',
      request: { params: key, body: { required: true, ...json(body) } },
      ...ok(view.extend({ secret: z.string().optional() })),
    }),
    async c => {
      const name = c.req.valid('param').key
      const draft = c.req.valid('json')
      const fault = urlFault(draft.url, rules)
      if (fault) throw new Refusal(422, 'bad-address', `this address cannot be told: it ${fault}`, [{ path: 'url', message: fault }])
      const secret = await saveWebhook(postgres, keys, name, draft, c.get('caller').id, now())
      return c.json({ ...(await find(name)), ...(secret !== undefined && { secret }) }, 200)
    },
  )
  app.openapi(
    createRoute({
      method: 'delete',
      ...at('/{key}', 'Tell it no more'),
      'x-permission': 'admin',
      request: { params: key },
      ...ok(z.object({ deleted: z.string() })),
    }),
    async c => {
      const name = c.req.valid('param').key
      if (!(await removeWebhook(postgres, name, c.get('caller').id, now()))) await find(name)
      return c.json({ deleted: name }, 200)
    },
  )
}
