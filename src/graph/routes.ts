import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type PlainRoutesParts, plainDefinitionRoutes } from '../definitions/plain-routes.ts'
import { leavesOf } from '../identity/find.ts'
import { consentsOf } from '../profiles/consents.ts'
import { Refusal } from '../refusal.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import { dimensionDocument } from './dimension-document.ts'
import type { NamedRelation } from './edges.ts'
import { keyText } from './naming.ts'
import { neighboursOf, surroundingsOf } from './neighbours.ts'
import { entityKind, type RelationDocument, relationDocument } from './relation-document.ts'

export interface GraphRoutesParts extends PlainRoutesParts {
  clickhouse: ClickHouse
  /** Up to when what is live is true, ms. */
  asOf: () => number
}

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })
const ok = <A extends z.ZodType>(answer: A) => ({ responses: { 200: { description: 'The answer', ...json(answer) } } })
const limit = z.coerce.number().int().min(1).max(200).default(20)
const relationName = z.string().max(64).optional().openapi({ description: 'Only of this relation' })
const days = 86_400_000

const ofProfile = createRoute({
  method: 'get',
  path: '/api/profiles/{id}/graph',
  tags: ['profiles'],
  summary: 'What a person is nearest to, in each relation',
  request: { params: z.object({ id: z.coerce.number().int().min(1) }), query: z.object({ relation: relationName, limit }) },
  ...ok(
    z.object({
      neighbours: z.array(
        z.object({ relation: z.string(), kind: z.string(), id: z.string(), weight: z.number(), last: z.iso.datetime(), count: z.int() }),
      ),
      asOf: z.iso.datetime(),
    }),
  ),
})

const ofEntity = createRoute({
  method: 'get',
  path: '/api/graph/{kind}/{id}',
  tags: ['relations'],
  summary: 'Who is nearest to an entity, and what the same people are near to',
  'x-time-limit-seconds': 60,
  request: {
    params: z.object({ kind: entityKind, id: z.string().min(1).max(500) }),
    query: z.object({
      relation: relationName,
      limit,
      days: z.coerce.number().int().min(1).max(3650).default(180).openapi({ description: 'Only what happened in the last so many days' }),
    }),
  },
  ...ok(
    z.object({
      people: z.int().openapi({ description: 'How many are tied to it' }),
      nearest: z.array(z.object({ profile: z.string(), weight: z.number(), last: z.iso.datetime(), count: z.int() })),
      asked: z.int().openapi({ description: 'How many of them, the nearest first, were asked what else they are near to' }),
      beside: z.array(z.object({ kind: z.string(), id: z.string(), people: z.int(), weight: z.number() })),
      asOf: z.iso.datetime(),
    }),
  ),
})

/** Dimensions and relations as definitions, and the graph that the relations draw. */
export function graphRoutes(app: OpenAPIHono, parts: GraphRoutesParts): void {
  const { definitions, clickhouse, postgres, contextAt, asOf } = parts
  plainDefinitionRoutes(app, parts, { kind: 'dimension', plural: 'dimensions', document: dimensionDocument, keyText })
  plainDefinitionRoutes(app, parts, { kind: 'relation', plural: 'relations', document: relationDocument, keyText })

  const relations = (name: string | undefined): NamedRelation[] => {
    const all = definitions.set().all.filter(({ kind }) => kind === 'relation')
    const found = all.filter(({ key }) => name === undefined || key === name)
    if (name !== undefined && found.length === 0)
      throw new Refusal(404, 'no-such-relation', `There is no relation ${JSON.stringify(name)}.`)
    return found.map(({ key, document }) => ({ key, document: document as RelationDocument }))
  }
  const iso = (ms: number) => new Date(ms).toISOString()

  app.openapi(ofProfile, async c => {
    const { id } = c.req.valid('param')
    const { relation, limit } = c.req.valid('query')
    const leaves = await leavesOf(postgres, id)
    if (leaves.length === 0) throw new Refusal(404, 'no-such-profile', 'There is no profile with this id.')
    const consents = await consentsOf(postgres, leaves)
    const given = new Set(consents.filter(({ given }) => given).map(({ purpose }) => purpose))
    const now = asOf()
    const found = await neighboursOf(clickhouse, relations(relation), contextAt(now), { leaves, given }, limit)
    return c.json({ neighbours: found.map(one => ({ ...one, last: iso(one.last) })), asOf: iso(now) }, 200)
  })

  app.openapi(ofEntity, async c => {
    const entity = c.req.valid('param')
    const query = c.req.valid('query')
    const now = asOf()
    const window = { since: now - query.days * days, limit: query.limit }
    const { people, nearest, asked, beside } = await surroundingsOf(clickhouse, relations(query.relation), contextAt(now), entity, window)
    const shown = nearest.map(({ profile, last, ...one }) => ({ profile: `${profile}`, last: iso(last), ...one }))
    return c.json({ people, nearest: shown, asked, beside, asOf: iso(now) }, 200)
  })
}
