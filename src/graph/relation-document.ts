import { z } from '@hono/zod-openapi'
import { halfLifeText, propertySource } from '../rules/kinds/dimension-shape.ts'
import { about } from './naming.ts'

/** What people are near to; the catalogue may know more kinds. */
export const entityKind = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'a kind of entity is lower-case letters, digits and _')
  .openapi({ description: 'product, content, service, category, brand, store, advisor or another', example: 'product' })

const source = propertySource.safeExtend({ kind: entityKind })

/** A relation between people and entities, derived from events: each ties the person to what the property names, less with time. */
export const relationDocument = z
  .strictObject({
    ...about,
    from: z.union([source, z.array(source).min(1).max(20)]),
    half_life: halfLifeText.openapi({ example: '30d' }),
  })
  .openapi('RelationDocument')
export type RelationDocument = z.output<typeof relationDocument>
export type RelationSource = z.output<typeof source>

export function relationSources({ from }: Pick<RelationDocument, 'from'>): readonly RelationSource[] {
  return Array.isArray(from) ? from : [from]
}
