import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { seesPersonal } from '../access/caller.ts'
import type { Definition } from '../definitions/definition.ts'
import { type Definitions, unknownDefinition } from '../definitions/definitions.ts'
import { rootsOf } from '../identity/find.ts'
import { statesOf } from '../profiles/states.ts'
import { Refusal } from '../refusal.ts'
import { momentIn } from '../rules/iso-date.ts'
import { type Explained, explain } from '../rules/operations.ts'
import type { RuleContext } from '../rules/plan.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import type { Queryable } from '../store/postgres.ts'
import type { TagDocument } from './document.ts'

export interface ExplainParts {
  postgres: Queryable
  clickhouse: ClickHouse
  definitions: Definitions
  contextAt: (now: number) => RuleContext
  zone: string
  /** Up to when what is live is true, ms. */
  asOf: () => number
}

const verdict = z.boolean().nullable().openapi({ description: 'null: a consent that it needs is missing' })

const route = createRoute({
  method: 'get',
  path: '/api/profiles/{id}/explain',
  tags: ['profiles'],
  summary: 'Why somebody has a tag or is in an audience, or is not: each part of each rule, with its evidence',
  request: {
    params: z.object({ id: z.string().regex(/^\d{1,10}$/, 'a profile id is digits') }),
    query: z.object({
      tag: z.string().optional(),
      audience: z.string().optional(),
      at: z.string().max(40).optional().openapi({ description: 'As of this moment; without it as of what is held now' }),
    }),
  },
  responses: {
    200: {
      description: 'The first rule that holds gives a tag its value',
      content: {
        'application/json': {
          schema: z.object({
            profile: z.string(),
            held: z.object({ value: z.unknown(), score: z.number(), since: z.iso.datetime() }).nullable(),
            rules: z.array(
              z.object({
                path: z.string().openapi({ description: 'Where the rule stands in the document' }),
                verdict,
                explanation: z.unknown().openapi({ type: 'object', description: 'Per part of the rule: verdict, evidence, needs, parts' }),
              }),
            ),
            asOf: z.iso.datetime(),
          }),
        },
      },
    },
  },
})

export function explainRoute(app: OpenAPIHono, parts: ExplainParts): void {
  const { postgres, definitions } = parts
  app.openapi(route, async c => {
    const { tag, audience, at } = c.req.valid('query')
    const definition = namedBy(definitions, { tag, audience })
    const isHidden = (definition.document as Partial<TagDocument>).sensitive === true && !seesPersonal(c.get('caller'))
    if (isHidden)
      throw new Refusal(403, 'not-permitted', `the tag ${definition.key} is sensitive: this API key has no permission "personal"`)
    const profile = (await rootsOf(postgres, [Number(c.req.valid('param').id)])).values().next().value
    if (profile === undefined) throw new Refusal(404, 'no-such-profile', 'There is no profile with this id.')
    const now = at === undefined ? momentOf(parts, definition) : momentIn(at, parts.zone)
    if (now === undefined) throw new Refusal(422, 'invalid-request', 'at must be a moment such as 2026-10-01T09:00:00+08:00')
    const [held, rules] = await Promise.all([
      statesOf(postgres, [profile]).then(states => states.get(profile)?.held.get(definition.id)),
      rulesExplained(parts, definition, now, profile),
    ])
    return c.json(
      {
        profile: `${profile}`,
        held: held ? { value: held[0], score: held[1], since: new Date(held[2]).toISOString() } : null,
        rules,
        asOf: new Date(now).toISOString(),
      },
      200,
    )
  })
}

function namedBy(definitions: Definitions, { tag, audience }: { tag: string | undefined; audience: string | undefined }): Definition {
  if ((tag === undefined) === (audience === undefined)) throw new Refusal(422, 'invalid-request', 'name a tag or an audience: one of them')
  const [kind, key] = tag === undefined ? (['audience', audience ?? ''] as const) : (['tag', tag] as const)
  const found = definitions.set().find(kind, key)
  if (!found) throw unknownDefinition(kind, key)
  return found
}

/** As of when its present answer is: what is not live is as of its run. */
function momentOf({ definitions, asOf }: ExplainParts, definition: Definition): number {
  const set = definitions.set()
  if (set.refreshOf(definition) === 'live') return asOf()
  return set.typeOf(definition).momentOf?.(definition) ?? definition.ranAt ?? asOf()
}

/** All rules of a document in one statement. */
async function rulesExplained({ clickhouse, definitions, contextAt }: ExplainParts, definition: Definition, now: number, profile: number) {
  const set = definitions.set()
  const type = set.typeOf(definition)
  const rules = type.rulesOf(definition.document)
  if (rules.length === 0) return []
  const context = { ...contextAt(now), derived: set.derived, isExempt: type.isExempt(definition.document) }
  const found = await explain(clickhouse, { any: rules.map(({ rule }) => rule) }, context, profile)
  return rules.flatMap(({ path }, index) => {
    const part = found?.parts?.[index]
    return part ? [{ path, verdict: part.verdict, explanation: placedIn(part, `any[${index}]`, path) }] : []
  })
}

/** The parts by their place in the document. */
function placedIn(part: Explained, from: string, to: string): Explained {
  return {
    ...part,
    path: `${to}${part.path.slice(from.length)}`,
    ...(part.parts && { parts: part.parts.map(one => placedIn(one, from, to)) }),
  }
}
