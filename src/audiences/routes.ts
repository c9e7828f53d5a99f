import type { OpenAPIHono } from '@hono/zod-openapi'
import { definitionRoutes } from '../definitions/routes.ts'
import { keyText } from '../tags/document.ts'
import { compositionRoute } from './composition.ts'
import { audienceDocument } from './document.ts'
import { type ExportParts, exportRoute } from './export.ts'
import { historyRoute } from './history.ts'
import { overlapRoute } from './overlap.ts'
import { snapshotRoutes } from './snapshot.ts'

export function audienceRoutes(app: OpenAPIHono, parts: ExportParts): void {
  definitionRoutes(app, parts, { kind: 'audience', plural: 'audiences', document: audienceDocument, keyText })
  historyRoute(app, parts)
  overlapRoute(app, parts)
  compositionRoute(app, parts)
  snapshotRoutes(app, parts)
  exportRoute(app, parts)
}
