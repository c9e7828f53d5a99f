import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Entry } from '../dictionary/entries.ts'
import { Refusal, type RefusalDetail } from '../refusal.ts'
import type { Observed } from '../rules/check.ts'
import { pathText } from '../rules/parse.ts'
import type { RuleContext } from '../rules/plan.ts'
import type { DefinitionKind } from './definition.ts'
import type { Definitions } from './definitions.ts'
import { validate } from './validate.ts'

export interface BulkRoutesParts {
  definitions: Definitions
  contextAt: (now: number) => RuleContext
  observed: () => Promise<Observed>
  entries: () => readonly Entry[]
  now: () => number
}

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })
const named = { kind: z.string().openapi({ example: 'tag' }), key: z.string() }
const fault = z.object({ kind: z.string(), key: z.string(), path: z.string(), message: z.string() })

const read = createRoute({
  method: 'get',
  path: '/api/definitions',
  tags: ['definitions'],
  summary: 'Every definition as its document',
  responses: {
    200: {
      description: 'By kind and key',
      ...json(z.object({ definitions: z.array(z.object({ ...named, version: z.int(), document: z.unknown() })) })),
    },
  },
})

const apply = createRoute({
  method: 'post',
  path: '/api/definitions/apply',
  'x-body-limit-bytes': 16 * 2 ** 20,
  'x-time-limit-seconds': 120,
  tags: ['definitions'],
  summary: 'Brings definitions to these documents, all of them or none; they may refer to each other in any order',
  request: {
    body: {
      required: true,
      ...json(
        z.strictObject({
          definitions: z.array(z.strictObject({ ...named, document: z.unknown() })).max(5_000),
          dryRun: z.boolean().default(false).openapi({ description: 'Only say what would change' }),
        }),
      ),
    },
  },
  responses: {
    200: {
      description: 'What changed, or would',
      ...json(
        z.object({
          changes: z.array(z.object({ ...named, change: z.enum(['create', 'change', 'same']), fields: z.array(z.string()) })),
          warnings: z.array(fault),
        }),
      ),
    },
  },
})

/** Definitions as files: all of them out, and a set of them in. */
export function bulkDefinitionRoutes(app: OpenAPIHono, parts: BulkRoutesParts): void {
  const { definitions, contextAt, observed, entries, now } = parts
  const { types } = definitions
  app.openapi(read, c => {
    const all = definitions.set().all.map(({ kind, key, version, document }) => ({ kind, key, version, document }))
    return c.json({ definitions: all }, 200)
  })
  app.openapi(apply, async c => {
    const body = c.req.valid('json')
    const faults: RefusalDetail[] = []
    const drafts = body.definitions.flatMap(({ kind, key, document }) => {
      const type = types.find(one => one.kind === kind)
      const parsed = type?.schema.safeParse(document)
      if (parsed?.success) return [{ kind: kind as DefinitionKind, key, document: parsed.data, expected: undefined }]
      const place = `${kind} ${key}`
      if (!parsed)
        faults.push({ path: place, message: `there is no kind of definition called so: ${types.map(one => one.kind).join(', ')}` })
      else faults.push(...parsed.error.issues.map(({ path, message }) => ({ path: `${place}: ${pathText(path)}`, message })))
      return []
    })
    if (faults.length > 0)
      throw new Refusal(422, 'invalid-definitions', 'nothing was changed: some documents cannot be used, see details', faults)
    const seen = await observed()
    const warnings: z.output<typeof fault>[] = []
    const changes = await definitions.putAll(drafts, { by: c.get('caller').name, dryRun: body.dryRun }, async (one, set) => {
      const found = located(`${one.kind} ${one.key}`, () => validate(one, set, contextAt(now()), seen, entries()))
      warnings.push(...found.map(({ path, message }) => ({ kind: one.kind, key: one.key, path, message })))
    })
    return c.json({ changes, warnings }, 200)
  })
}

/** A fault in one of many says in which. */
function located<T>(place: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const details = error.details.length > 0 ? error.details : [{ path: '', message: error.message }]
    throw new Refusal(error.status, error.code, `nothing was changed: ${place} cannot be used, see details`, [
      ...details.map(({ path, message }) => ({ path: [place, path].filter(Boolean).join(': '), message })),
    ])
  }
}
