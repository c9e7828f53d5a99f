import type { OpenAPIHono } from '@hono/zod-openapi'
import { type DefinitionRoutesParts, definitionRoutes } from '../definitions/routes.ts'
import { keyText } from '../tags/document.ts'
import { audienceDocument } from './document.ts'

export function audienceRoutes(app: OpenAPIHono, parts: DefinitionRoutesParts): void {
  definitionRoutes(app, parts, { kind: 'audience', plural: 'audiences', document: audienceDocument, keyText })
}
