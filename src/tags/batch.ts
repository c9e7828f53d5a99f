import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { seesPersonal } from '../access/caller.ts'
import type { Definitions } from '../definitions/definitions.ts'
import { profilesOfIdentifiers, rootsOf } from '../identity/find.ts'
import type { ProfileReader } from '../profiles/read.ts'
import { portraitsOf } from './portrait.ts'

export interface BatchParts {
  reader: ProfileReader
  definitions: Definitions
}

const idText = z.string().regex(/^\d{1,10}$/, 'a profile id is digits')
const asked = z.union([idText, z.strictObject({ namespace: z.string().min(1).max(255), value: z.string().min(1).max(1000) })])

const route = createRoute({
  method: 'post',
  path: '/api/profiles/batch',
  'x-permission': 'read',
  tags: ['profiles'],
  summary: 'The tags and audiences of up to 1,000 people at once, by id or by identifier',
  request: {
    body: { required: true, content: { 'application/json': { schema: z.strictObject({ profiles: z.array(asked).min(1).max(1000) }) } } },
  },
  responses: {
    200: {
      description: 'In the order in which they were asked for; null for whom nobody knows',
      content: {
        'application/json': {
          schema: z.object({
            profiles: z.array(
              z
                .object({
                  id: z.string(),
                  tags: z.array(z.object({ key: z.string(), value: z.unknown(), score: z.number(), since: z.iso.datetime() })),
                  audiences: z.array(z.string()),
                })
                .nullable(),
            ),
            asOf: z.iso.datetime(),
          }),
        },
      },
    },
  },
})

export function batchRoute(app: OpenAPIHono, { reader, definitions }: BatchParts): void {
  app.openapi(route, async c => {
    const { profiles } = c.req.valid('json')
    const asOf = new Date(reader.asOf()).toISOString()
    const ids = profiles.filter(one => typeof one === 'string')
    const identifiers = profiles.filter(one => typeof one !== 'string')
    const [roots, found] = await Promise.all([
      rootsOf(reader.postgres, ids.map(Number)),
      identifiers.length === 0 ? [] : profilesOfIdentifiers(reader.postgres, await reader.namespaces(), reader.keys, identifiers),
    ])
    const byIdentifier = new Map(identifiers.map((one, index) => [one, found[index]]))
    const people = profiles.map(one => (typeof one === 'string' ? roots.get(Number(one)) : byIdentifier.get(one)))
    const known = [...new Set(people.flatMap(one => one ?? []))]
    const portraits = await portraitsOf(reader.postgres, definitions, known, seesPersonal(c.get('caller')))
    const shown = people.map(id => (id === undefined ? null : { id: `${id}`, ...(portraits.get(id) ?? { tags: [], audiences: [] }) }))
    return c.json({ profiles: shown, asOf }, 200)
  })
}
