import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Entry } from '../dictionary/entries.ts'
import { Refusal } from '../refusal.ts'
import type { Observed } from '../rules/check.ts'
import { describe } from '../rules/describe.ts'
import type { RuleContext } from '../rules/plan.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import type { Queryable } from '../store/postgres.ts'
import { type Definition, type DefinitionKind, definitionKinds } from './definition.ts'
import { type Definitions, unknownDefinition } from './definitions.ts'
import { openFills } from './fills.ts'
import { type Coverage, coverageOf, membersOf } from './membership.ts'
import { preview } from './preview.ts'
import { versionsOf } from './store.ts'
import { validate } from './validate.ts'

export interface DefinitionRoutesParts {
  definitions: Definitions
  postgres: Queryable
  clickhouse: ClickHouse
  contextAt: (now: number) => RuleContext
  observed: () => Promise<Observed>
  entries: () => readonly Entry[]
  /** Up to when what is live is true, ms. */
  asOf: () => number
  now: () => number
}

/** How a kind of definition is called in addresses. */
export interface Named<Kind extends DefinitionKind = DefinitionKind> {
  kind: Kind
  /** `tags` */
  plural: string
  /** `TagDocument`, validated as the body of a change. */
  document: z.ZodType
  keyText: z.ZodType<string>
}

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })
const fault = z.object({ path: z.string(), message: z.string() })
const moment = z.iso.datetime().nullable()
const reference = z.object({ kind: z.enum(definitionKinds), key: z.string() })

/** The routes that every kind of definition has: list, read, write, preview, delete, versions, members. */
export function definitionRoutes(app: OpenAPIHono, parts: DefinitionRoutesParts, named: Named): void {
  const { definitions, postgres } = parts
  const { kind, plural, document, keyText } = named
  const title = kind === 'tag' ? 'Tag' : 'Audience'
  const view = z
    .object({
      key: z.string(),
      version: z.int(),
      document: z.unknown().openapi({ type: 'object', description: `${title}Document` }),
      words: z.array(z.object({ path: z.string(), zh: z.string(), en: z.string() })).openapi({ description: 'Its rules as sentences' }),
      count: z.int().openapi({ description: 'How many people have it' }),
      values: z.array(z.object({ value: z.unknown(), count: z.int() })),
      asOf: moment.openapi({ description: 'Up to when it is true' }),
      lagSeconds: z.number().nullable(),
      lastRun: moment,
      nextRun: moment,
      filling: z.object({ done: z.int(), total: z.int(), startedAt: z.iso.datetime() }).nullable(),
      refersTo: z.array(reference),
      usedBy: z.array(reference),
      updatedAt: z.iso.datetime(),
      updatedBy: z.string(),
    })
    .openapi(title)
  const key = z.object({ key: keyText })
  const body = { body: { required: true, ...json(document) } }
  /** What all routes of the kind have in common. */
  const at = (path: string, summary: string) => ({ path: `/api/${plural}${path}` as const, tags: [plural], summary })
  const ok = <A extends z.ZodType>(answer: A) => ({ responses: { 200: { description: 'The answer', ...json(answer) } } })

  const find = (name: string): Definition => {
    const found = definitions.set().find(kind, name)
    if (!found) throw unknownDefinition(kind, name)
    return found
  }
  const viewsOf = async (some: readonly Definition[]) => {
    const set = definitions.set()
    const [coverage, fills] = await Promise.all([
      coverageOf(
        parts,
        some.map(({ id }) => id),
      ),
      openFills(postgres),
    ])
    return some.map(one => {
      const fill = fills.find(({ definitions: ids }) => ids.includes(one.id))
      const isLive = set.refreshOf(one) === 'live'
      const asOf = fill ? undefined : isLive ? parts.asOf() : one.ranAt
      const { count, values }: Coverage = coverage.get(one.id) ?? { count: 0, values: [] }
      const named = (list: readonly Definition[]) => list.map(({ kind, key }) => ({ kind, key }))
      return {
        key: one.key,
        version: one.version,
        document: one.document,
        words: set
          .typeOf(one)
          .rulesOf(one.document)
          .map(({ path, rule }) => ({ path, ...describe(rule, parts.entries(), parts.contextAt(parts.now()).kinds, set.namesOf) })),
        count,
        values,
        asOf: isoOf(asOf),
        lagSeconds: asOf === undefined || !isLive ? null : Math.max(0, parts.now() - asOf) / 1000,
        lastRun: isoOf(one.ranAt),
        nextRun: isoOf(one.nextRunAt),
        filling: fill ? { done: fill.done, total: fill.total, startedAt: new Date(fill.startedAt).toISOString() } : null,
        refersTo: named(set.referencesOf(one)),
        usedBy: named(set.usersOf(one)),
        updatedAt: new Date(one.updatedAt).toISOString(),
        updatedBy: one.updatedBy,
      }
    })
  }
  const viewOf = async (one: Definition) => {
    const [found] = await viewsOf([one])
    if (!found) throw unknownDefinition(kind, one.key)
    return found
  }

  app.openapi(createRoute({ method: 'get', ...at('', `Every ${kind}`), ...ok(z.object({ [plural]: z.array(view) })) }), async c =>
    c.json({ [plural]: await viewsOf(definitions.set().all.filter(one => one.kind === kind)) }, 200),
  )

  app.openapi(
    createRoute({
      method: 'get',
      ...at('/{key}', `One ${kind}, with who uses it and how many have it`),
      request: { params: key },
      ...ok(view),
    }),
    async c => c.json(await viewOf(find(c.req.valid('param').key)), 200),
  )

  app.openapi(
    createRoute({
      method: 'put',
      ...at('/{key}', `Define a ${kind}; it is worked out for everybody at once`),
      request: { params: key, query: z.object({ version: z.coerce.number().int().min(0).optional() }), ...body },
      ...ok(view.extend({ warnings: z.array(fault) })),
    }),
    async c => {
      const name = c.req.valid('param').key
      const { version } = c.req.valid('query')
      const draft: unknown = c.req.valid('json')
      sameKey(draft, name)
      let warnings: z.output<typeof fault>[] = []
      const observed = await parts.observed()
      const definition = await definitions.put(kind, name, draft, { by: c.get('caller').name, expected: version }, async (one, set) => {
        warnings = validate(one, set, parts.contextAt(parts.now()), observed, parts.entries())
      })
      return c.json({ ...(await viewOf(definition)), warnings }, 200)
    },
  )

  app.openapi(
    createRoute({
      method: 'post',
      ...at('/{key}/preview', 'What a change would do: who would have which value, who would gain and who would lose it'),
      'x-permission': 'read',
      'x-time-limit-seconds': 120,
      request: { params: key, ...body },
      ...ok(
        z.object({
          total: z.int(),
          values: z.array(z.object({ value: z.unknown(), before: z.int(), after: z.int() })),
          gained: z.int(),
          lost: z.int(),
          changed: z.int(),
          examples: z.object({ gained: z.array(z.string()), lost: z.array(z.string()), changed: z.array(z.string()) }),
          warnings: z.array(fault),
        }),
      ),
    }),
    async c => {
      const name = c.req.valid('param').key
      const draft: unknown = c.req.valid('json')
      sameKey(draft, name)
      const known = definitions.set().find(kind, name)
      const next: Definition = { ...(known ?? blankDefinition(kind, name)), document: draft }
      const set = definitions.set().with(next)
      const cycle = set.cycleOf(next)
      if (cycle) throw new Refusal(422, 'circle', `this would refer to itself: ${cycle.join(' → ')}; take one of these references out`)
      const context = parts.contextAt(parts.asOf())
      const warnings = validate(next, set, context, await parts.observed(), parts.entries())
      return c.json({ ...(await preview(parts, set, next, known, context)), warnings }, 200)
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

  app.openapi(
    createRoute({
      method: 'get',
      ...at('/{key}/members', 'Who has it, by id'),
      request: {
        params: key,
        query: z.object({
          value: z.string().optional().openapi({ description: 'Only with this value, as JSON: "dry", true, 3' }),
          limit: z.coerce.number().int().min(1).max(10_000).default(100),
          cursor: z.coerce.number().int().min(0).default(0),
        }),
      },
      ...ok(z.object({ members: z.array(z.string()), next: z.string().optional(), asOf: moment })),
    }),
    async c => {
      const definition = find(c.req.valid('param').key)
      const { value, limit, cursor } = c.req.valid('query')
      const found = await membersOf(parts, definition.id, { value: valueIn(value), after: cursor, limit: limit + 1 })
      const members = found.slice(0, limit)
      const isLive = definitions.set().refreshOf(definition) === 'live'
      return c.json(
        {
          members: members.map(String),
          ...(found.length > limit && { next: String(members.at(-1)) }),
          asOf: isoOf(isLive ? parts.asOf() : definition.ranAt),
        },
        200,
      )
    },
  )
}

function sameKey(draft: unknown, name: string): void {
  const key = (draft as { key?: string }).key
  if (key !== undefined && key !== name)
    throw new Refusal(422, 'other-key', 'the key in the document is another than the one in the address: make them the same', [
      { path: 'key', message: `must be ${name} or left out` },
    ])
}

function valueIn(text: string | undefined): string | number | boolean | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (['string', 'number', 'boolean'].includes(typeof value)) return value as string
  } catch {
    return text
  }
  return text
}

function isoOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}

function blankDefinition(kind: DefinitionKind, key: string): Definition {
  const unset = { run: undefined, ranAt: undefined, nextRunAt: undefined }
  return { id: 0, kind, key, version: 0, document: undefined, createdAt: 0, updatedAt: 0, updatedBy: '', ...unset }
}
