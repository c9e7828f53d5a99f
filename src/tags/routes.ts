import type { OpenAPIHono } from '@hono/zod-openapi'
import { type DefinitionRoutesParts, definitionRoutes } from '../definitions/routes.ts'
import { keyText, tagDocument } from './document.ts'

export function tagRoutes(app: OpenAPIHono, parts: DefinitionRoutesParts): void {
  definitionRoutes(app, parts, { kind: 'tag', plural: 'tags', document: tagDocument, keyText })
}
