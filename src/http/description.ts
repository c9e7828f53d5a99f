import type { OpenAPIHono } from '@hono/zod-openapi'
import { problemSchema } from '../problem.ts'

/** Paths that other front doors describe themselves: OpenAPI 3.1 path items. */
export type DescribedPaths = Record<string, Record<string, unknown>>

type Operation = { responses: Record<string, unknown>; security?: unknown; 'x-permission'?: string }

/** The OpenAPI 3.1 document from the schemas that validate, with the problem answer, the key and the permission that every route has. */
export function describe(app: OpenAPIHono, version: string, others: DescribedPaths): Record<string, unknown> {
  app.openAPIRegistry.register('Problem', problemSchema)
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Zhike 知客',
      version,
      description:
        'Customer data platform: profiles, events, sources, imports. Errors are RFC 9457 problem documents. Each operation says the permission its API key needs (`x-permission`).',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ apiKey: [] }],
  })
  const methods = new Set(['get', 'put', 'post', 'delete', 'patch', 'head', 'options'])
  for (const item of Object.values(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(item as Record<string, Operation>))
      if (methods.has(method)) complete(method, operation)
  }
  const { components } = document
  return {
    ...document,
    paths: { ...document.paths, ...others },
    components: {
      ...components,
      securitySchemes: {
        ...components?.securitySchemes,
        apiKey: { type: 'http', scheme: 'bearer', description: 'An API key, see /api/keys' },
        writeKey: { type: 'http', scheme: 'basic', description: 'The write key of a source as the user, no password' },
      },
    },
  }
}

function complete(method: string, operation: Operation): void {
  if (operation['x-permission'] === 'public') operation.security = []
  else operation['x-permission'] ??= method === 'get' ? 'read' : 'write'
  operation.responses.default ??= {
    description: 'Refused: what to do is in `detail`',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  }
}
