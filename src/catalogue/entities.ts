import { z } from '@hono/zod-openapi'
import { showsPersonal } from '../dictionary/personal.ts'
import { attributeKey, type EntityKind } from './kinds.ts'

const isStorable = (text: string) => text.isWellFormed() && !text.includes('\0')
const text = z.string().max(2000).refine(isStorable, 'text must be well-formed Unicode without NUL')
const plain = z.union([text, z.number(), z.boolean()])
const name = z.string().trim().max(200).refine(isStorable, 'text must be well-formed Unicode without NUL').optional()

/** What an entity says of itself beside its attributes; in a row of a file they stand among them. */
export const ownFields = ['zh', 'en', 'status', 'until', 'tags'] as const
const reserved: ReadonlySet<string> = new Set([...ownFields, 'id', 'attributes'])

export const entityId = z
  .string()
  .min(1)
  .max(200)
  .refine(isStorable, 'an id must be well-formed Unicode without NUL')
  .openapi({ description: 'As events carry it', example: 'P104' })

/** A product, a content, a store …: what the workspace says of one thing that events are about. */
export const entityDocument = z.strictObject({
  zh: name.openapi({ description: 'Chinese name', example: '光子护理(单次)' }),
  en: name.openapi({ description: 'English name' }),
  attributes: z
    .record(
      attributeKey.refine(key => !reserved.has(key), 'this is no attribute: it stands beside them'),
      z.union([plain, z.array(plain).max(200)]),
    )
    .refine(attributes => Object.keys(attributes).length <= 200, 'at most 200 attributes')
    .optional()
    .openapi({ description: 'Plain values and lists of them', example: { category: 'photo', price: 1280, skin: ['dry', 'oily'] } }),
  tags: z
    .record(z.string().min(1).max(200), z.number().min(0).max(1))
    .refine(tags => Object.keys(tags).length <= 100, 'at most 100 tags')
    .optional()
    .openapi({
      description: 'For whom it is: a tag, or a tag and its value, with a weight',
      example: { 'skin_type=dry': 1, frequent: 0.4 },
    }),
  until: z
    .union([z.iso.date(), z.iso.datetime({ offset: true })])
    .optional()
    .openapi({ description: 'Not used from then on', example: '2027-02-28' }),
  status: z.enum(['draft', 'active', 'retired']).optional().openapi({ description: '`active` where it is not said' }),
})
export type EntityDocument = z.infer<typeof entityDocument>

export interface EntityFault {
  path: string
  message: string
}

const personal = 'this reads like personal data, which the catalogue does not keep: leave it out'

/** What of a well-formed entity does not belong there: values of another type than its kind says, and personal data. */
export function entityFaults(kind: EntityKind, id: string, { attributes = {} }: EntityDocument): EntityFault[] {
  const ofId = showsPersonal('text', id) ? [{ path: 'id', message: personal }] : []
  const ofAttributes = Object.entries(attributes).flatMap(([key, value]) => {
    const path = `attributes.${key}`
    const wanted = kind.attributes?.[key]?.type
    if (wanted !== undefined && typeOf(value) !== (wanted === 'date' ? 'string' : wanted))
      return [{ path, message: `${key} of a ${kind.key} holds ${wanted}` }]
    const texts = (Array.isArray(value) ? value : [value]).map(String)
    return texts.some(one => showsPersonal('text', one)) ? [{ path, message: personal }] : []
  })
  return [...ofId, ...ofAttributes]
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? 'list' : typeof value
}
