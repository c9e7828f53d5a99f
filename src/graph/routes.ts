import type { OpenAPIHono } from '@hono/zod-openapi'
import { type PlainRoutesParts, plainDefinitionRoutes } from '../definitions/plain-routes.ts'
import { dimensionDocument } from './dimension-document.ts'
import { keyText } from './naming.ts'

export function graphRoutes(app: OpenAPIHono, parts: PlainRoutesParts): void {
  plainDefinitionRoutes(app, parts, { kind: 'dimension', plural: 'dimensions', document: dimensionDocument, keyText })
}
