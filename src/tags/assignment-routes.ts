import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type Definitions, unknownDefinition } from '../definitions/definitions.ts'
import { Refusal } from '../refusal.ts'
import { type Assigning, type AssignParts, assign } from './assign.ts'
import { keyText, type TagDocument } from './document.ts'
import { assignedValue } from './kinds/manual.ts'

const whom = {
  profile: z
    .string()
    .regex(/^\d{1,10}$/, 'a profile id is digits')
    .optional(),
  identifier: z.strictObject({ namespace: z.string().min(1).max(128), value: z.string().min(1).max(2000) }).optional(),
}
const item = z
  .union([
    z.strictObject({
      ...whom,
      value: assignedValue,
      score: z.number().min(0).max(1).optional(),
      until: z.iso.datetime({ offset: true }).optional(),
    }),
    z.strictObject({ ...whom, remove: z.literal(true) }),
  ])
  .refine(({ profile, identifier }) => (profile === undefined) !== (identifier === undefined), 'give either profile or identifier')

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })

const route = createRoute({
  method: 'post',
  path: '/api/tags/{key}/assignments',
  tags: ['tags'],
  summary: 'Give a manual tag to people, or take it away; it takes effect within a second',
  'x-body-limit-bytes': 2 * 2 ** 20,
  request: {
    params: z.object({ key: keyText }),
    body: { required: true, ...json(z.strictObject({ assignments: z.array(item).min(1).max(1000) })) },
  },
  responses: {
    200: {
      description: 'How many were taken, and why the others were not',
      ...json(z.object({ accepted: z.int(), refused: z.array(z.object({ index: z.int(), code: z.string(), message: z.string() })) })),
    },
  },
})

export interface AssignmentRoutesParts extends AssignParts {
  definitions: Definitions
}

export function assignmentRoutes(app: OpenAPIHono, parts: AssignmentRoutesParts): void {
  app.openapi(route, async c => {
    const { key } = c.req.valid('param')
    const definition = parts.definitions.set().find('tag', key)
    if (!definition) throw unknownDefinition('tag', key)
    const document = definition.document as TagDocument & { values?: { value: unknown }[] }
    if (document.kind !== 'manual')
      throw new Refusal(409, 'not-manual', `this tag is worked out (kind ${document.kind}); only tags of kind manual are assigned`)
    const { assignments } = c.req.valid('json')
    const listed = document.values?.map(({ value }) => value)
    const refused = await assign(parts, key, assignments.map(assigningOf), c.get('caller').name, listed)
    return c.json({ accepted: assignments.length - refused.length, refused }, 200)
  })
}

function assigningOf({ profile, identifier, ...rest }: z.output<typeof item>): Assigning {
  const to = identifier ? { identifier } : { profile: Number(profile) }
  if ('remove' in rest) return { to, assignment: undefined }
  const { value, score, until } = rest
  return {
    to,
    assignment: { value, ...(score !== undefined && { score }), ...(until !== undefined && { until: Date.parse(until) }) },
  }
}
