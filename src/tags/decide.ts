import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { seesPersonal } from '../access/caller.ts'
import type { Json } from '../collect/event.ts'
import type { Definition, DefinitionKind } from '../definitions/definition.ts'
import { unknownDefinition } from '../definitions/definitions.ts'
import { rootsOf } from '../identity/find.ts'
import { statesOf } from '../profiles/states.ts'
import { Refusal } from '../refusal.ts'
import { together } from '../store/together.ts'
import type { BatchParts } from './batch.ts'
import type { TagDocument } from './document.ts'

const keys = (description: string, example: string) => z.string().max(4000).optional().openapi({ description, example })

const route = createRoute({
  method: 'get',
  path: '/api/decide',
  tags: ['profiles'],
  summary: 'Is this person in these audiences, and what are the values of these tags? Answers in a few milliseconds',
  request: {
    query: z.object({
      profile: z
        .string()
        .regex(/^\d{1,10}$/, 'a profile id is digits')
        .optional(),
      namespace: z.string().max(255).optional().openapi({ example: 'user_id' }),
      value: z.string().max(1000).optional().openapi({ description: 'Of an identifier in the namespace', example: 'u-1042' }),
      audiences: keys('Keys separated by commas', 'vip,lost'),
      tags: keys('Keys separated by commas', 'lifecycle'),
    }),
  },
  responses: {
    200: {
      description: 'An answer for everything that was asked; of somebody whom nobody knows it is no',
      content: {
        'application/json': {
          schema: z.object({
            profile: z.string().nullable(),
            audiences: z.record(z.string(), z.boolean()),
            tags: z.record(z.string(), z.unknown().openapi({ description: 'The value; null where there is none' })),
            asOf: z.iso.datetime(),
          }),
        },
      },
    },
  },
})

export function decideRoute(app: OpenAPIHono, { reader, definitions }: BatchParts): void {
  const rootOf = together(async (ids: readonly number[]) => {
    const roots = await rootsOf(reader.postgres, ids)
    return ids.map(id => roots.get(id))
  })
  const heldOf = together(async (profiles: readonly number[]) => {
    const states = await statesOf(reader.postgres, profiles)
    return profiles.map(profile => states.get(profile)?.held)
  })
  const named = (kind: DefinitionKind, text: string | undefined): Definition[] =>
    [...new Set(text?.split(',').filter(key => key !== ''))].map(key => {
      const found = definitions.set().find(kind, key)
      if (!found) throw unknownDefinition(kind, key)
      return found
    })
  const profileOf = async ({
    profile,
    namespace,
    value,
  }: {
    profile?: string | undefined
    namespace?: string | undefined
    value?: string | undefined
  }) => {
    if (profile !== undefined) return rootOf(Number(profile))
    if (namespace === undefined || value === undefined)
      throw new Refusal(422, 'invalid-request', 'say who: profile, or namespace and value of an identifier')
    return reader.profileOf({ namespace, value })
  }

  app.openapi(route, async c => {
    const query = c.req.valid('query')
    const audiences = named('audience', query.audiences)
    const tags = named('tag', query.tags)
    const hidden = seesPersonal(c.get('caller')) ? undefined : tags.find(({ document }) => (document as TagDocument).sensitive)
    if (hidden) throw new Refusal(403, 'not-permitted', `the tag ${hidden.key} is sensitive: this API key has no permission "personal"`)
    const asOf = new Date(reader.asOf()).toISOString()
    const profile = await profileOf(query)
    const held = profile === undefined ? undefined : await heldOf(profile)
    return c.json(
      {
        profile: profile === undefined ? null : `${profile}`,
        audiences: Object.fromEntries(audiences.map(({ id, key }) => [key, held?.has(id) ?? false])),
        tags: Object.fromEntries(tags.map(({ id, key }): [string, Json] => [key, held?.get(id)?.[0] ?? null])),
        asOf,
      },
      200,
    )
  })
}
