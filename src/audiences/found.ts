import { z } from '@hono/zod-openapi'
import type { Definition } from '../definitions/definition.ts'
import { unknownDefinition } from '../definitions/definitions.ts'
import type { DefinitionRoutesParts } from '../definitions/routes.ts'
import type { Postgres } from '../store/postgres.ts'
import { keyText } from '../tags/document.ts'
import type { AudienceDocument } from './document.ts'

/** What the routes of audiences need beyond those that every definition has. */
export interface AudienceParts extends DefinitionRoutesParts {
  postgres: Postgres
  /** Of the workspace. */
  zone: string
  /** Up to when who is in is true in ClickHouse, ms. */
  heldAsOf: () => number
}

export const keyParam = z.object({ key: keyText })

/** @throws Refusal 404 */
export function audienceIn({ definitions }: Pick<AudienceParts, 'definitions'>, key: string): Definition<AudienceDocument> {
  const found = definitions.set().find('audience', key)
  if (!found) throw unknownDefinition('audience', key)
  return found as Definition<AudienceDocument>
}

/** Up to when the members that are held are true: now for a live audience, its last run for another. */
export function heldAsOf(parts: AudienceParts, audience: Definition): string | null {
  const isLive = parts.definitions.set().refreshOf(audience) === 'live'
  const asOf = isLive ? parts.heldAsOf() : audience.ranAt
  return asOf === undefined ? null : new Date(asOf).toISOString()
}

export const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })
export const ok = <T extends z.ZodType>(schema: T) => ({ responses: { 200: { description: 'The answer', ...json(schema) } } })
