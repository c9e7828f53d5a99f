import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Entry } from '../dictionary/entries.ts'
import { Refusal } from '../refusal.ts'
import type { Observed } from '../rules/check.ts'
import type { RuleContext } from '../rules/plan.ts'
import type { Queryable } from '../store/postgres.ts'
import { type Definition, type DefinitionKind, definitionKinds } from './definition.ts'
import { type Definitions, unknownDefinition } from './definitions.ts'
import { versionsOf } from './store.ts'
import { validate } from './validate.ts'

export interface PlainRoutesParts {
  definitions: Definitions
  postgres: Queryable
  contextAt: (now: number) => RuleContext
  observed: () => Promise<Observed>
  entries: () => readonly Entry[]
  now: () => number
}

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })
const ok = <A extends z.ZodType>(answer: A) => ({ responses: { 200: { description: 'The answer', ...json(answer) } } })

/** The routes of definitions that nobody has, but others read: list, read, write, delete, versions. */
export function plainDefinitionRoutes(
  app: OpenAPIHono,
  { definitions, postgres, contextAt, observed, entries, now }: PlainRoutesParts,
  { kind, plural, document, keyText }: { kind: DefinitionKind; plural: string; document: z.ZodType; keyText: z.ZodType<string> },
): void {
  const title = `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`
  const view = z
    .object({
      key: z.string(),
      version: z.int(),
      document: z.unknown().openapi({ type: 'object', description: `${title}Document` }),
      usedBy: z.array(z.object({ kind: z.enum(definitionKinds), key: z.string() })),
      updatedAt: z.iso.datetime(),
      updatedBy: z.string(),
    })
    .openapi(title)
  const warnings = z.array(z.object({ path: z.string(), message: z.string() }))
  const key = z.object({ key: keyText })
  const at = (path: string, summary: string) => ({ path: `/api/${plural}${path}` as const, tags: [plural], summary })
  const find = (name: string): Definition => {
    const found = definitions.set().find(kind, name)
    if (!found) throw unknownDefinition(kind, name)
    return found
  }
  const viewOf = (one: Definition) => ({
    key: one.key,
    version: one.version,
    document: one.document,
    usedBy: definitions
      .set()
      .usersOf(one)
      .map(({ kind, key }) => ({ kind, key })),
    updatedAt: new Date(one.updatedAt).toISOString(),
    updatedBy: one.updatedBy,
  })

  app.openapi(createRoute({ method: 'get', ...at('', `Every ${kind}`), ...ok(z.object({ [plural]: z.array(view) })) }), c => {
    const all = definitions.set().all.filter(one => one.kind === kind)
    return c.json({ [plural]: all.map(viewOf) }, 200)
  })

  app.openapi(createRoute({ method: 'get', ...at('/{key}', `One ${kind}, with what uses it`), request: { params: key }, ...ok(view) }), c =>
    c.json(viewOf(find(c.req.valid('param').key)), 200),
  )

  app.openapi(
    createRoute({
      method: 'put',
      ...at('/{key}', `Define a ${kind}; what uses it is worked out anew`),
      request: {
        params: key,
        query: z.object({ version: z.coerce.number().int().min(0).optional() }),
        body: { required: true, ...json(document) },
      },
      ...ok(view.extend({ warnings })),
    }),
    async c => {
      const name = c.req.valid('param').key
      const draft: unknown = c.req.valid('json')
      const own = (draft as { key?: string }).key
      if (own !== undefined && own !== name)
        throw new Refusal(422, 'other-key', 'the key in the document is another than the one in the address: make them the same')
      let told: z.output<typeof warnings> = []
      const seen = await observed()
      const change = { by: c.get('caller').name, expected: c.req.valid('query').version }
      const definition = await definitions.put(kind, name, draft, change, async (one, set) => {
        told = validate(one, set, contextAt(now()), seen, entries())
      })
      return c.json({ ...viewOf(definition), warnings: told }, 200)
    },
  )

  app.openapi(
    createRoute({
      method: 'delete',
      ...at('/{key}', `Delete a ${kind} that nothing uses`),
      request: { params: key },
      ...ok(z.object({ deleted: z.string() })),
    }),
    async c => {
      const name = c.req.valid('param').key
      await definitions.remove(kind, name, { by: c.get('caller').name })
      return c.json({ deleted: name }, 200)
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      ...at('/{key}/versions', 'Its versions, newest first'),
      request: { params: key },
      ...ok(z.object({ versions: z.array(z.object({ version: z.int(), document: z.unknown(), at: z.iso.datetime(), by: z.string() })) })),
    }),
    async c => c.json({ versions: await versionsOf(postgres, find(c.req.valid('param').key).id) }, 200),
  )
}
