import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { declaredTypes, mirrorOfConsent, win } from '../dictionary/declared.ts'
import type { Dictionary } from '../dictionary/dictionary.ts'
import { observedEvents, observedProperties, observedTraits } from '../dictionary/observed.ts'
import { types } from '../dictionary/seen.ts'
import { byPath, pathOf, propertiesOf, type ShownPath, saidIn, unseen } from '../dictionary/shown.ts'
import { Refusal } from '../refusal.ts'
import type { Queryable } from '../store/postgres.ts'
import type { Choice, Choices } from './choices.ts'

const named = { zh: z.string().optional(), en: z.string().optional(), description: z.string().optional() }
const marked = { personal: z.boolean().optional(), sensitive: z.string().optional() }
const seen = { count: z.int(), firstSeen: z.iso.datetime().nullable(), lastSeen: z.iso.datetime().nullable() }
const choice = z
  .object({
    value: z.unknown().openapi({ description: 'Text, a number or true and false', example: 'photo' }),
    zh: z.string().optional(),
    en: z.string().optional(),
    count: z.int().optional().openapi({ description: 'An estimate; absent where it was not seen, or is not looked at' }),
  })
  .openapi('Choice')
const path = {
  ...named,
  ...marked,
  ...seen,
  type: z.enum(declaredTypes).optional().openapi({ description: 'As it is meant to be' }),
  types: z.partialRecord(z.enum(types), z.int()).openapi({ description: 'How often each type was seen' }),
  looks: z.string().optional().openapi({ description: 'The sort of personal data that its key says it is' }),
  values: z
    .array(choice)
    .openapi({ description: 'The most frequent ones, and those that have names; of what is personal or sensitive, only those' }),
}
const event = z.object({ name: z.string(), ...named, ...marked, ...seen }).openapi('CatalogueEvent')
const property = z.object({ path: z.string().openapi({ example: 'products[].sku' }), ...path }).openapi('CatalogueProperty')
const trait = z
  .object({ key: z.string().openapi({ example: 'skin_type' }), ...path, win: win.optional(), mirror: mirrorOfConsent.optional() })
  .openapi('CatalogueTrait')
const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })

const events = createRoute({
  method: 'get',
  path: '/api/catalogue/events',
  tags: ['catalogue'],
  summary: 'Events that were seen or named, for those who build a rule',
  responses: { 200: { description: 'Events', ...json(z.object({ events: z.array(event) })) } },
})
const properties = createRoute({
  method: 'get',
  path: '/api/catalogue/events/{event}/properties',
  tags: ['catalogue'],
  summary: 'Properties of an event with the values to choose from',
  request: { params: z.object({ event: z.string().min(1).max(300).openapi({ example: 'Product Viewed' }) }) },
  responses: { 200: { description: 'Properties', ...json(z.object({ properties: z.array(property) })) } },
})
const traits = createRoute({
  method: 'get',
  path: '/api/catalogue/traits',
  tags: ['catalogue'],
  summary: 'Traits with the values to choose from',
  responses: { 200: { description: 'Traits', ...json(z.object({ traits: z.array(trait) })) } },
})

export interface ObservedCatalogue {
  postgres: Queryable
  dictionary: Dictionary
  choices: Choices
}

/** What a builder of rules offers: names, types and values of what really came. */
export function observedCatalogueRoutes(app: OpenAPIHono, { postgres, dictionary, choices }: ObservedCatalogue): void {
  app.openapi(events, async c => {
    const rows = new Map((await observedEvents(postgres)).map(row => [row.event, row]))
    const entries = dictionary.entries()
    const said = saidIn(entries)
    const names = new Set([...rows.keys(), ...entries.flatMap(({ kind, name }) => (kind === 'event' ? [name] : []))])
    const shown = [...names].sort().map(name => {
      const { zh, en, description, personal, sensitive } = said({ kind: 'event', name })
      const { count = 0, firstSeen = null, lastSeen = null } = rows.get(name) ?? {}
      return { name, zh, en, description, personal, sensitive, count, firstSeen, lastSeen }
    })
    return c.json({ events: shown }, 200)
  })

  app.openapi(properties, async c => {
    const { event: name } = c.req.valid('param')
    const [[row], seenProperties] = await Promise.all([observedEvents(postgres, name), observedProperties(postgres, name)])
    const entries = dictionary.entries()
    const isNamed = entries.some(one => (one.kind === 'event' && one.name === name) || one.event === name)
    if (!row && !isNamed)
      throw new Refusal(404, 'unknown-event', 'nobody has seen or named such an event: GET /api/catalogue/events lists them')
    const shown = propertiesOf(name, seenProperties.get(name) ?? [], entries)
    const found = await choices.ofProperties(name, row?.count ?? 0, shown, dictionary.marks())
    return c.json({ properties: shown.map(one => ({ path: one.path, ...pathShown(one, found) })) }, 200)
  })

  app.openapi(traits, async c => {
    const rows = await observedTraits(postgres)
    const entries = dictionary.entries()
    const said = saidIn(entries)
    const seenTraits = rows.map(row => pathOf(row, said({ kind: 'trait', name: row.path }), 'person'))
    const shown = [...seenTraits, ...unseen(entries, 'trait', undefined, rows)].sort(byPath)
    const found = await choices.ofTraits(shown, dictionary.marks())
    return c.json({ traits: shown.map(one => ({ key: one.path, win: one.win, mirror: one.mirror, ...pathShown(one, found) })) }, 200)
  })
}

function pathShown(one: ShownPath, found: ReadonlyMap<string, Choice[]>) {
  const { zh, en, description, personal, sensitive, type, types: counted, looks, count, firstSeen, lastSeen } = one
  const values = found.get(one.path) ?? []
  return { zh, en, description, personal, sensitive, type, types: counted, looks, count, firstSeen, lastSeen, values }
}
