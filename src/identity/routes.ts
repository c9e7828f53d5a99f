import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import type { Postgres } from '../store/postgres.ts'
import { explanationSchema, rebuildSchema, viewSchema } from './answers.ts'
import { type HandWork, mergeByHand, unblock, unmergeByHand } from './by-hand.ts'
import { explain } from './explain.ts'
import { identifierNamed, namedIdentifier, namedPerson } from './named.ts'
import { namespaceRoutes } from './namespace-routes.ts'
import { identityReader } from './read.ts'
import { applyRebuild, previewRebuild } from './rebuild-by-hand.ts'
import { reviewRoutes } from './review-routes.ts'
import type { Separation } from './unmerge.ts'
import { identityView } from './view.ts'

export interface IdentityRoutesParts {
  postgres: Postgres
  keys: Keys
  now: () => number
}

const json = <S extends z.ZodType>(schema: S) => ({ content: { 'application/json': { schema } } })
const body = <S extends z.ZodType>(schema: S) => ({ body: { required: true, ...json(schema) } })
const identifier = z.strictObject({
  namespace: z.string().min(1).max(200).openapi({ example: 'phone' }),
  value: z.string().max(100_000).openapi({ example: '199 0000 0001' }),
})

const view = createRoute({
  method: 'get',
  path: '/api/profiles/{id}/identity',
  tags: ['identity'],
  summary: 'Why a person is who they are: identifiers, links, merges, conflicts',
  request: {
    params: z.object({
      id: z
        .string()
        .regex(/^\d{1,10}$/, 'a profile id is digits')
        .openapi({ example: '1042' }),
    }),
  },
  responses: { 200: { description: 'The identity graph around the profile', ...json(viewSchema) } },
})

const explainRoute = createRoute({
  method: 'post',
  path: '/api/identity/explain',
  'x-permission': 'read',
  tags: ['identity'],
  summary: 'Why two identifiers are, or are not, one person',
  request: body(z.strictObject({ a: identifier, b: identifier })),
  responses: { 200: { description: 'The answer with its evidence', ...json(explanationSchema) } },
})

const merge = createRoute({
  method: 'post',
  path: '/api/identity/merge',
  tags: ['identity'],
  summary: 'Say that two are one person',
  description:
    'With the same checks as an event that carries both: where one forbids it, nothing changes and the answer is 409 with the reason.',
  request: body(z.strictObject({ a: namedPerson, b: namedPerson })),
  responses: {
    200: {
      description: 'They are one person; `merged` is false where they were before',
      ...json(z.object({ profile: z.string(), merged: z.boolean() })),
    },
  },
})

const unmergeRoute = createRoute({
  method: 'post',
  path: '/api/identity/unmerge',
  tags: ['identity'],
  summary: 'Undo a merge, cut two identifiers apart, or take one identifier off its person',
  description:
    'Both are afterwards what they would have been without it, and stay apart until that is lifted with POST /api/identity/unblock.',
  request: body(
    z.union([
      z.strictObject({
        merge: z.int().min(1).openapi({ description: 'Id of the merge in the history of GET /api/profiles/{id}/identity' }),
      }),
      z.strictObject({ apart: z.tuple([namedIdentifier, namedIdentifier]) }),
      z.strictObject({ take: namedIdentifier }),
    ]),
  ),
  responses: {
    200: {
      description: 'Who they are now',
      ...json(
        z.object({
          profiles: z.array(z.string()),
          newLeaves: z.array(z.int()),
          factsMove: z.boolean().openapi({ description: 'Facts follow within moments; POST /api/flush waits for them' }),
        }),
      ),
    },
  },
})

const unblockRoute = createRoute({
  method: 'post',
  path: '/api/identity/unblock',
  tags: ['identity'],
  summary: 'Let two identifiers that were separated get into one profile again',
  request: body(z.strictObject({ a: namedIdentifier, b: namedIdentifier })),
  responses: { 204: { description: 'Lifted; nothing is merged by that alone' } },
})

const rebuild = createRoute({
  method: 'post',
  path: '/api/identity/rebuild',
  'x-permission': 'admin',
  'x-time-limit-seconds': 1_800,
  tags: ['identity'],
  summary: 'Derive everything anew from the evidence under the present configuration',
  description: 'Look first with `dryRun`; the difference that was looked at is applied by giving it as `confirm`, and nothing else is.',
  request: body(z.union([z.strictObject({ dryRun: z.literal(true) }), z.strictObject({ confirm: z.string().min(1).max(100) })])),
  responses: { 200: { description: 'What is, or was, different', ...json(rebuildSchema) } },
})

/** Register these before the profiles' own: `/api/profiles/{namespace}/{value}` would take `/api/profiles/{id}/identity`. */
export function identityRoutes(app: OpenAPIHono, { postgres, keys, now }: IdentityRoutesParts): void {
  const reader = identityReader(keys)
  const byHand = <T>(by: string, work: (work: HandWork) => Promise<T>): Promise<T> =>
    postgres.transaction(async tx => work({ tx, keys, rules: await reader.rules(tx), hand: { by, at: now() } }))

  app.openapi(view, async c =>
    c.json(await identityView(postgres, await reader.rules(postgres), keys, Number(c.req.valid('param').id)), 200),
  )

  app.openapi(explainRoute, async c => {
    const { a, b } = c.req.valid('json')
    const answer = await postgres.transaction(async tx => explain({ tx, keys, rules: await reader.rules(tx), now: now() }, a, b))
    return c.json(answer, 200)
  })

  app.openapi(merge, async c => {
    const { a, b } = c.req.valid('json')
    return c.json(await byHand(c.var.caller.id, work => mergeByHand(work, a, b)), 200)
  })

  app.openapi(unmergeRoute, async c => {
    const asked = c.req.valid('json')
    return c.json(await byHand(c.var.caller.id, async work => unmergeByHand(work, await separationOf(work, asked))), 200)
  })

  app.openapi(unblockRoute, async c => {
    const { a, b } = c.req.valid('json')
    await byHand(c.var.caller.id, work => unblock(work, a, b))
    return c.body(null, 204)
  })

  app.openapi(rebuild, async c => {
    const asked = c.req.valid('json')
    const report = await byHand(c.var.caller.id, work => ('dryRun' in asked ? previewRebuild(work) : applyRebuild(work, asked.confirm)))
    return c.json(report, 200)
  })

  namespaceRoutes(app, postgres, now)
  reviewRoutes(app, { postgres, keys, byHand })
}

type Asked = { merge: number } | { apart: [AskedIdentifier, AskedIdentifier] } | { take: AskedIdentifier }
type AskedIdentifier = z.infer<typeof namedIdentifier>

async function separationOf({ tx, rules, keys }: HandWork, asked: Asked): Promise<Separation> {
  if ('merge' in asked) return { change: asked.merge }
  const hashOf = async (named: AskedIdentifier) => (await identifierNamed(tx, rules, keys, named)).hash
  if ('take' in asked) return { take: await hashOf(asked.take) }
  const [one, other] = [await hashOf(asked.apart[0]), await hashOf(asked.apart[1])]
  if (one === other) throw new Refusal(400, 'same-identifier', 'An identifier cannot be taken apart from itself; name two.')
  return { apart: [one, other] }
}
