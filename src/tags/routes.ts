import type { OpenAPIHono } from '@hono/zod-openapi'
import { type DefinitionRoutesParts, definitionRoutes } from '../definitions/routes.ts'
import { keyText, tagDocument } from './document.ts'
import { templateRoutes } from './template-routes.ts'

export function tagRoutes(app: OpenAPIHono, parts: DefinitionRoutesParts): void {
  // Before the others: no tag can have the key of this address.
  templateRoutes(app)
  const ownKey = keyText.refine(key => key !== 'templates', 'is the address of the templates: take another key')
  definitionRoutes(app, parts, { kind: 'tag', plural: 'tags', document: tagDocument, keyText: ownKey })
}
