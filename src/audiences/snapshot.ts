import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { validate } from '../definitions/validate.ts'
import { Refusal } from '../refusal.ts'
import { momentIn } from '../rules/iso-date.ts'
import { countOf, membersOf } from '../rules/operations.ts'
import type { RuleContext } from '../rules/plan.ts'
import { keyText } from '../tags/document.ts'
import { audienceDocument } from './document.ts'
import { type AudienceParts, audienceIn, json, keyParam, ok } from './found.ts'

const at = z.string().max(40).openapi({ description: 'The moment', example: '2026-10-01T09:00:00+08:00' })

const look = createRoute({
  method: 'get',
  path: '/api/audiences/{key}/snapshot',
  tags: ['audiences'],
  summary: 'Who was in an audience at a moment, by its rule and what is known of then today',
  'x-time-limit-seconds': 120,
  request: {
    params: keyParam,
    query: z.object({ at, limit: z.coerce.number().int().min(1).max(10_000).default(100), cursor: z.string().max(40).optional() }),
  },
  ...ok(
    z
      .object({ count: z.int(), members: z.array(z.string()), next: z.string().optional(), at: z.iso.datetime() })
      .openapi('AudienceSnapshot'),
  ),
})

const keep = createRoute({
  method: 'post',
  path: '/api/audiences/{key}/snapshot',
  tags: ['audiences'],
  summary: 'Keeps who was in an audience at a moment as a frozen audience',
  request: {
    params: keyParam,
    body: { required: true, ...json(z.strictObject({ at, as: keyText, zh: z.string().trim().min(1).max(100) })) },
  },
  ...ok(z.object({ key: z.string(), version: z.int(), at: z.iso.datetime() })),
})

export function snapshotRoutes(app: OpenAPIHono, parts: AudienceParts): void {
  const momentOf = (text: string): number => {
    const moment = momentIn(text, parts.zone)
    if (moment === undefined) throw new Refusal(422, 'invalid-request', 'at must be a moment such as 2026-10-01T09:00:00+08:00')
    if (moment > parts.now()) throw new Refusal(422, 'not-yet', 'at lies in the future: nobody knows yet who will be in')
    return moment
  }
  const contextAt = (now: number): RuleContext => ({ ...parts.contextAt(now), derived: parts.definitions.set().derived })

  app.openapi(look, async c => {
    const { key } = c.req.valid('param')
    const { at, limit, cursor } = c.req.valid('query')
    audienceIn(parts, key)
    const context = contextAt(momentOf(at))
    const rule = { audience: key }
    const [{ count }, page] = await Promise.all([
      countOf(parts.clickhouse, rule, context),
      membersOf(parts.clickhouse, rule, context, limit, cursor),
    ])
    const { members, next } = page
    return c.json(
      { count, members: members.map(String), ...(next !== undefined && { next }), at: new Date(context.now).toISOString() },
      200,
    )
  })

  app.openapi(keep, async c => {
    const { document } = audienceIn(parts, c.req.valid('param').key)
    const { at, as, zh } = c.req.valid('json')
    const moment = new Date(momentOf(at)).toISOString()
    if (document.limit)
      throw new Refusal(422, 'limited', 'an audience with a limit is as of its runs: a moment in between has no members of its own')
    const { rule, purpose } = document
    const draft = audienceDocument.parse({ zh, rule, refresh: 'frozen', at: moment, ...(purpose && { purpose }) })
    const observed = await parts.observed()
    const change = { by: c.get('caller').name, expected: 0 }
    const { version } = await parts.definitions.put('audience', as, draft, change, async (one, set) => {
      validate(one, set, contextAt(parts.now()), observed, parts.entries())
    })
    return c.json({ key: as, version, at: moment }, 200)
  })
}
