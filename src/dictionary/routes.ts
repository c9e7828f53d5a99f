import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Queryable } from '../store/postgres.ts'
import type { Dictionary } from './dictionary.ts'
import { type EntryDocument, type EntrySubject, entryDocuments, entryShape } from './entries.ts'
import { type ObservedPathRow, observedEvents, observedLeftOut, observedProperties, observedTraits } from './observed.ts'
import { types } from './seen.ts'
import { byPath, pathOf, propertiesOf, saidIn, unseen } from './shown.ts'

const moment = z.iso.datetime()
const entry = entryShape.extend({ version: z.int().openapi({ description: '0: nobody has said anything yet', example: 3 }) })
const seen = {
  count: z.int().openapi({ example: 12_033 }),
  firstSeen: moment.nullable(),
  lastSeen: moment.nullable(),
}
const path = entry
  .extend({
    path: z.string().openapi({ description: 'Dotted, `[]` for the items of a list', example: 'products[].sku' }),
    types: z
      .partialRecord(z.enum(types), z.int())
      .openapi({ description: 'How often each type was seen', example: { text: 12_000, null: 33 } }),
    examples: z
      .array(z.string())
      .openapi({ description: 'A few short values; none where they are or may be personal', example: ['A-100', 'A-200'] }),
    looks: z.string().optional().openapi({ description: 'The sort of personal data that its key says it is', example: 'phone' }),
    ...seen,
  })
  .openapi('DictionaryPath')
const event = entry
  .extend({
    name: z.string().openapi({ example: 'Product Viewed' }),
    ...seen,
    properties: z.array(path),
    propertiesLeftOut: z.int().openapi({ description: 'Occurrences of properties beyond the limit per event' }),
  })
  .openapi('DictionaryEvent')

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })
const change = <T extends z.ZodType>(document: T) => ({ body: { required: true, ...json(document) } })
const changed = { 200: { description: 'As it is now', ...json(entry.openapi('ChangedDictionaryEntry')) } }

const all = createRoute({
  method: 'get',
  path: '/api/dictionary',
  tags: ['dictionary'],
  summary: 'The observed schema with its names and marks',
  request: {
    query: z.object({
      event: z.string().optional().openapi({ description: 'Only this event' }),
      properties: z.enum(['true', 'false']).default('true').openapi({ description: '`false` leaves the properties out' }),
    }),
  },
  responses: {
    200: {
      description: 'Events, properties in every event, traits',
      ...json(
        z
          .object({
            events: z.array(event),
            properties: z.array(entry.extend({ path: z.string() })).openapi({ description: 'What is said of a property in every event' }),
            traits: z.array(path),
            leftOut: z.object({ events: z.int(), traits: z.int() }).openapi({ description: 'Occurrences of names beyond the limits' }),
          })
          .openapi('Dictionary'),
      ),
    },
  },
})

const name = z.string().min(1).max(300)
const putEvent = createRoute({
  method: 'put',
  path: '/api/dictionary/events/{name}',
  tags: ['dictionary'],
  summary: 'Name and mark an event',
  request: { params: z.object({ name: name.openapi({ example: 'Product Viewed' }) }), ...change(entryDocuments.event) },
  responses: changed,
})
const putEventProperty = createRoute({
  method: 'put',
  path: '/api/dictionary/events/{name}/properties/{path}',
  tags: ['dictionary'],
  summary: 'Name and mark a property of one event',
  request: { params: z.object({ name, path: name.openapi({ example: 'products[].sku' }) }), ...change(entryDocuments.property) },
  responses: changed,
})
const putProperty = createRoute({
  method: 'put',
  path: '/api/dictionary/properties/{path}',
  tags: ['dictionary'],
  summary: 'Name and mark a property in every event',
  request: { params: z.object({ path: name }), ...change(entryDocuments.property) },
  responses: changed,
})
const putTrait = createRoute({
  method: 'put',
  path: '/api/dictionary/traits/{key}',
  tags: ['dictionary'],
  summary: 'Name and mark a trait; say which source wins, or that it mirrors a consent',
  request: { params: z.object({ key: name.openapi({ example: 'skin_type' }) }), ...change(entryDocuments.trait) },
  responses: changed,
})

export function dictionaryRoutes(app: OpenAPIHono, dictionary: Dictionary, db: Queryable): void {
  app.openapi(all, async c => {
    const { event: only, properties: withProperties } = c.req.valid('query')
    const [events, properties, traits, leftOut] = await Promise.all([
      observedEvents(db, only),
      withProperties === 'true' ? observedProperties(db, only) : new Map<string, ObservedPathRow[]>(),
      observedTraits(db),
      observedLeftOut(db),
    ])
    const entries = dictionary.entries()
    const said = saidIn(entries)
    const ofTrait = traits.map(row => pathOf(row, said({ kind: 'trait', name: row.path }), 'person'))
    const names = new Set([
      ...events.map(row => row.event),
      ...entries.flatMap(one => (one.kind === 'event' ? [one.name] : one.kind === 'property' ? (one.event ?? []) : [])),
    ])
    return c.json(
      {
        events: [...names]
          .filter(one => only === undefined || one === only)
          .sort()
          .map(one => {
            const row = events.find(({ event: observed }) => observed === one)
            return {
              name: one,
              ...said({ kind: 'event', name: one }),
              count: row?.count ?? 0,
              firstSeen: row?.firstSeen ?? null,
              lastSeen: row?.lastSeen ?? null,
              propertiesLeftOut: row?.propertiesLeftOut ?? 0,
              properties: withProperties === 'true' ? propertiesOf(one, properties.get(one) ?? [], entries) : [],
            }
          }),
        properties: entries.flatMap(one =>
          one.kind === 'property' && one.event === undefined ? [{ path: one.name, ...one.document, version: one.version }] : [],
        ),
        traits: [...ofTrait, ...unseen(entries, 'trait', undefined, traits)].sort(byPath),
        leftOut,
      },
      200,
    )
  })

  const put = async (subject: EntrySubject, { version, ...document }: EntryDocument & { version?: number | undefined }, by: string) => {
    const written = await dictionary.put(subject, document, { expected: version, by })
    return { ...written.document, version: written.version }
  }
  app.openapi(putEvent, async c =>
    c.json(await put({ kind: 'event', name: c.req.valid('param').name }, c.req.valid('json'), c.var.caller.id), 200),
  )
  app.openapi(putEventProperty, async c => {
    const { name: of, path: at } = c.req.valid('param')
    return c.json(await put({ kind: 'property', event: of, name: at }, c.req.valid('json'), c.var.caller.id), 200)
  })
  app.openapi(putProperty, async c =>
    c.json(await put({ kind: 'property', name: c.req.valid('param').path }, c.req.valid('json'), c.var.caller.id), 200),
  )
  app.openapi(putTrait, async c =>
    c.json(await put({ kind: 'trait', name: c.req.valid('param').key }, c.req.valid('json'), c.var.caller.id), 200),
  )
}
