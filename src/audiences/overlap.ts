import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { seesPersonal } from '../access/caller.ts'
import type { Definition } from '../definitions/definition.ts'
import { overlapOf } from '../definitions/membership.ts'
import type { TagDocument } from '../tags/document.ts'
import { type AudienceParts, audienceIn, heldAsOf, keyParam, ok } from './found.ts'

const overlap = z.object({
  kind: z.enum(['audience', 'tag']),
  key: z.string(),
  value: z.unknown().optional().openapi({ description: 'Of a tag' }),
  count: z.int().openapi({ description: 'How many have it' }),
  both: z.int().openapi({ description: 'How many of them are in the audience' }),
  jaccard: z.number().openapi({ description: 'Those in both ÷ those in either' }),
  index: z.number().nullable().openapi({ description: '100: as often as with everybody; 200: twice as often' }),
})

const route = createRoute({
  method: 'get',
  path: '/api/audiences/{key}/overlap',
  tags: ['audiences'],
  summary: 'How many an audience shares with others, or with every value of every tag',
  request: {
    params: keyParam,
    query: z.object({
      with: z
        .string()
        .optional()
        .openapi({ description: 'Keys of audiences, separated by commas; every tag without it', example: 'lost,vip' }),
    }),
  },
  ...ok(
    z.object({ size: z.int(), total: z.int(), overlaps: z.array(overlap), asOf: z.iso.datetime().nullable() }).openapi('AudienceOverlap'),
  ),
})

export function overlapRoute(app: OpenAPIHono, parts: AudienceParts): void {
  app.openapi(route, async c => {
    const audience = audienceIn(parts, c.req.valid('param').key)
    const { with: keys } = c.req.valid('query')
    const others = keys === undefined ? shownTags(parts, seesPersonal(c.get('caller'))) : keys.split(',').map(key => audienceIn(parts, key))
    const byId = new Map<number, Definition>(others.map(one => [one.id, one]))
    const { size, total, overlaps } = await overlapOf(parts, audience.id, [...byId.keys()])
    const found = overlaps.flatMap(({ definition, value, count, both }) => {
      const other = byId.get(definition)
      if (!other) return []
      return {
        kind: kindOf(other),
        key: other.key,
        ...(other.kind === 'tag' && { value: value === '' ? null : (JSON.parse(value) as unknown) }),
        count,
        both,
        jaccard: both / (size + count - both),
        index: indexOf(both, size, count, total),
      }
    })
    const nobodys = others
      .filter(({ id, kind }) => kind === 'audience' && !overlaps.some(({ definition }) => definition === id))
      .map(one => ({ kind: kindOf(one), key: one.key, count: 0, both: 0, jaccard: 0, index: null }))
    return c.json({ size, total, overlaps: [...found, ...nobodys], asOf: heldAsOf(parts, audience) }, 200)
  })
}

function kindOf({ kind }: Definition): 'audience' | 'tag' {
  return kind === 'audience' ? kind : 'tag'
}

/** The tags whose values the caller may see. */
export function shownTags({ definitions }: Pick<AudienceParts, 'definitions'>, sensitive: boolean): Definition[] {
  return definitions.set().all.filter(({ kind, document }) => kind === 'tag' && (sensitive || (document as TagDocument).sensitive !== true))
}

/** How often something is met in a group against everybody: 100 for as often. Null where nobody is to be compared with. */
export function indexOf(both: number, size: number, count: number, total: number): number | null {
  return size === 0 || count === 0 || total === 0 ? null : Math.round((both / size / (count / total)) * 1000) / 10
}
