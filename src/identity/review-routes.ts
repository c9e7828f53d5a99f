import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Keys } from '../privacy/keys.ts'
import type { Postgres } from '../store/postgres.ts'
import { reviewSchema } from './answers.ts'
import type { HandWork } from './by-hand.ts'
import { decideReview } from './review.ts'
import { reviewEntries, reviewKinds, reviewStates } from './review-entries.ts'

const json = <S extends z.ZodType>(schema: S) => ({ content: { 'application/json': { schema } } })

const list = createRoute({
  method: 'get',
  path: '/api/identity/review',
  tags: ['identity'],
  summary: 'What a person should look at, open questions first',
  request: {
    query: z.object({
      state: z.enum(reviewStates).optional(),
      kind: z.enum(reviewKinds).optional(),
      limit: z.coerce.number().int().min(1).max(500).default(50),
      cursor: z.coerce.number().int().min(1).optional(),
    }),
  },
  responses: {
    200: {
      description: 'A page of questions',
      ...json(
        z.object({
          entries: z.array(reviewSchema),
          next: z.string().optional().openapi({ description: 'Give it as `cursor` for the page after this one.' }),
        }),
      ),
    },
  },
})

const decide = createRoute({
  method: 'post',
  path: '/api/identity/review/{id}',
  tags: ['identity'],
  summary: 'Decide a question',
  description: `What accepting and rejecting mean:
- \`conflict\`: accept says that the two are one person, and merges them with every check of a merge by hand (where one forbids it: 409 with the reason, and the question stays open); reject keeps them apart until that is lifted with POST /api/identity/unblock.
- \`hub\` (many people use it) and \`blocked-value\` (many unrelated people have it; with the reason \`blocked\` it is blocked already): accept blocks the value, which links nobody from now on, and nothing earlier is undone; reject lets it link, and it is not asked about again.`,
  request: {
    params: z.object({ id: z.coerce.number().int().min(1) }),
    body: {
      required: true,
      ...json(z.strictObject({ decision: z.enum(['accept', 'reject']), note: z.string().trim().min(1).max(1_000).optional() })),
    },
  },
  responses: { 200: { description: 'As decided, with who and when', ...json(reviewSchema) } },
})

export interface ReviewRoutesParts {
  postgres: Postgres
  keys: Keys
  byHand: <T>(by: string, work: (work: HandWork) => Promise<T>) => Promise<T>
}

export function reviewRoutes(app: OpenAPIHono, { postgres, keys, byHand }: ReviewRoutesParts): void {
  app.openapi(list, async c => {
    const { state, kind, limit, cursor } = c.req.valid('query')
    const found = await reviewEntries(postgres, keys, { state, kind, limit: limit + 1, after: cursor })
    const entries = found.slice(0, limit)
    return c.json({ entries, ...(found.length > limit && { next: `${entries.at(-1)?.id}` }) }, 200)
  })

  app.openapi(decide, async c =>
    c.json(await byHand(c.var.caller.id, work => decideReview(work, c.req.valid('param').id, c.req.valid('json'))), 200),
  )
}
