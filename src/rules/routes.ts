import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { EntityKind } from '../catalogue/kinds.ts'
import type { Dictionary } from '../dictionary/dictionary.ts'
import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import type { Queryable } from '../store/postgres.ts'
import { check, observedIn } from './check.ts'
import { compile } from './compile.ts'
import { describe, type NamesOf } from './describe.ts'
import { momentIn } from './iso-date.ts'
import { type Count, countOf, type Explained, explain, membersOf, sampleOf } from './operations.ts'
import { parseRule } from './parse.ts'
import type { RuleContext } from './plan.ts'
import { type Rule, ruleJsonSchema } from './schema.ts'

export interface RulesRoutesDeps {
  clickhouse: ClickHouse
  postgres: Queryable
  dictionary: Dictionary
  /** Of the entities in the catalogue. */
  kinds?: () => readonly EntityKind[]
  keys: Keys
  /** Of the workspace. */
  zone: string
  /** How far facts are visible, ms: the `at` of who gives none. */
  asOf: () => number
  /** What tags, audiences and dimensions are called. */
  namesOf?: () => NamesOf
  /** How tags, audiences and affinities are read. */
  derived?: () => NonNullable<RuleContext['derived']>
  /** A count as of now that needs no facts, where there is such a way. */
  heldCount?: (rule: Rule) => Promise<(Count & { asOf: number }) | undefined>
}

const ruleField = z
  .unknown()
  .openapi({ type: 'object', description: 'See /api/rules/schema', example: { event: 'Product Viewed', within: '7d', count: { gte: 2 } } })
const at = z.string().max(40).optional().openapi({ description: 'As of this moment; now without it', example: '2026-10-01T09:00:00+08:00' })
const fault = z.object({ path: z.string(), message: z.string() })
const profileId = z.string().regex(/^\d{1,10}$/, 'a profile id is digits')
const verdict = z.boolean().nullable().openapi({ description: 'null: a consent that it needs is missing' })
const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })

const post = <B extends z.ZodRawShape, A extends z.ZodRawShape>(name: string, summary: string, body: B, answer: A) =>
  createRoute({
    method: 'post',
    path: `/api/rules/${name}`,
    tags: ['rules'],
    summary,
    request: { body: { required: true, ...json(z.strictObject({ rule: ruleField, ...body })) } },
    responses: { 200: { description: 'The answer', ...json(z.object(answer)) } },
  })

const warnings = z.array(fault).openapi({ description: 'Names that were never seen' })
const asOf = z.iso.datetime()
const count = post(
  'count',
  'How many people meet a rule, and each part of it',
  { at },
  {
    count: z.int(),
    total: z.int().openapi({ description: 'Everybody of whom there was a fact by then' }),
    unknown: z.int().openapi({ description: 'Left out: sensitive data without its consent' }),
    branches: z.array(z.object({ path: z.string(), count: z.int(), unknown: z.int() })),
    warnings,
    asOf,
  },
)
const members = post(
  'members',
  'Who meets a rule, by id',
  { at, limit: z.int().min(1).max(10_000).default(100), cursor: z.string().max(40).optional() },
  { members: z.array(z.string()), next: z.string().optional() },
)
const sample = post(
  'sample',
  'Some who meet a rule',
  {
    at,
    limit: z.int().min(1).max(100).default(10),
    seed: z
      .int()
      .min(0)
      .max(2 ** 31)
      .default(0),
  },
  {
    members: z.array(z.string()),
  },
)
const explained = post(
  'explain',
  'Why somebody meets a rule, or does not',
  { at, profile: profileId },
  {
    profile: z.string(),
    verdict,
    explanation: z.unknown().openapi({ type: 'object', description: 'Per part of the rule: verdict, evidence, needs, parts' }),
    asOf,
  },
)
const described = post('describe', 'A rule as a sentence', {}, { zh: z.string(), en: z.string(), warnings })
const shown = post(
  'sql',
  'The statement that a rule is compiled to, values apart',
  { at },
  { sql: z.string(), params: z.record(z.string(), z.unknown()) },
)
const schema = createRoute({
  method: 'get',
  path: '/api/rules/schema',
  tags: ['rules'],
  summary: 'The rule language as JSON Schema',
  responses: { 200: { description: 'JSON Schema', ...json(z.record(z.string(), z.unknown())) } },
})

export function rulesRoutes(app: OpenAPIHono, deps: RulesRoutesDeps): void {
  const { clickhouse, dictionary } = deps
  const read = async (body: { rule?: unknown; at?: string | undefined }) => {
    const rule = parseRule(body.rule)
    const context: RuleContext = {
      now: momentOf(body.at, deps),
      zone: deps.zone,
      marks: dictionary.marks(),
      blindIndex: deps.keys.blindIndex,
      ...(deps.derived && { derived: deps.derived() }),
      winOf: key => dictionary.traits().winOf(key),
      mirrorOf: key => dictionary.traits().mirrorOf(key),
      kinds: deps.kinds?.() ?? [],
    }
    return { rule, context, warnings: check(rule, await observedIn(deps.postgres), context.marks, dictionary.entries()) }
  }
  app.openapi(count, async c => {
    const body = c.req.valid('json')
    const { rule, context, warnings } = await read(body)
    const held = body.at === undefined ? await deps.heldCount?.(rule) : undefined
    const { asOf, ...counted } = held ?? { ...(await countOf(clickhouse, rule, context)), asOf: context.now }
    return c.json({ ...counted, warnings, asOf: new Date(asOf).toISOString() }, 200)
  })
  app.openapi(members, async c => {
    const body = c.req.valid('json')
    const { rule, context } = await read(body)
    const page = await membersOf(clickhouse, rule, context, body.limit, body.cursor)
    return c.json({ members: page.members.map(String), ...(page.next !== undefined && { next: page.next }) }, 200)
  })
  app.openapi(sample, async c => {
    const body = c.req.valid('json')
    const { rule, context } = await read(body)
    return c.json({ members: (await sampleOf(clickhouse, rule, context, body.limit, body.seed)).map(String) }, 200)
  })
  app.openapi(explained, async c => {
    const body = c.req.valid('json')
    const { rule, context } = await read(body)
    const profile = await rootOf(deps.postgres, Number(body.profile))
    const explanation = profile === undefined ? undefined : await explain(clickhouse, rule, context, profile)
    if (!explanation) throw new Refusal(404, 'unknown-profile', 'there is no such profile, or nothing was known of it at that moment')
    const { verdict } = explanation satisfies Explained
    return c.json({ profile: String(profile), verdict, explanation, asOf: new Date(context.now).toISOString() }, 200)
  })
  app.openapi(described, async c => {
    const { rule, warnings } = await read(c.req.valid('json'))
    return c.json({ ...describe(rule, dictionary.entries(), deps.kinds?.(), deps.namesOf?.()), warnings }, 200)
  })
  app.openapi(shown, async c => {
    const { rule, context } = await read(c.req.valid('json'))
    const { text, params, root } = compile(rule, context)
    return c.json({ sql: `select profile from (${text}) where ifNull(${root.column}, 0)`, params }, 200)
  })
  app.openapi(schema, c => c.json(ruleJsonSchema() as Record<string, unknown>, 200))
}

function momentOf(at: string | undefined, { zone, asOf }: RulesRoutesDeps): number {
  const moment = at === undefined ? asOf() : momentIn(at, zone)
  if (moment === undefined) throw new Refusal(422, 'invalid-request', 'at must be a moment such as 2026-10-01T09:00:00+08:00')
  return moment
}

/** A merged-away id answers with the survivor. */
async function rootOf(db: Queryable, profile: number): Promise<number | undefined> {
  const [row] = await db.query<{ root: number }>('select root from leaves where leaf = $1', [profile])
  return row?.root
}
