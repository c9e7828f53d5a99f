import { z } from '@hono/zod-openapi'
import { scheduleSchema } from '../definitions/schedule.ts'
import { tagKinds } from './kinds/index.ts'

export const keyText = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'a key is lower-case letters, digits and _, beginning with a letter, at most 64')
  .openapi({ example: 'price_sensitive' })

const name = z.string().trim().min(1).max(100)

/** What every tag says of itself. */
const common = {
  key: keyText.optional().openapi({ description: 'As in the address; may be left out' }),
  zh: name.openapi({ example: '价格敏感型' }),
  en: name.optional().openapi({ example: 'Price sensitive' }),
  description: z.string().trim().max(2000).optional(),
  note: z.string().trim().max(2000).optional(),
  category: z.enum(['attribute', 'behaviour', 'interest', 'lifecycle', 'model', 'policy', 'custom']).default('custom'),
  owner: z.string().trim().max(100).optional().openapi({ description: 'Who answers for it', example: 'CRM' }),
  refresh: z
    .union([z.literal('realtime'), scheduleSchema])
    .default('realtime')
    .openapi({ description: 'With every fact and as time passes, or on a schedule: {"daily": "03:00"}, {"every": "6h"}' }),
  sensitive: z.boolean().optional().openapi({ description: 'Its value is shown with the permission `personal` only' }),
  purpose: z
    .enum(['protective', 'service'])
    .optional()
    .openapi({ description: 'It protects or serves the person, and reads sensitive data without its consent; audited' }),
}

const kinds = tagKinds.map(kind => z.strictObject({ ...common, kind: z.literal(kind.key), ...kind.shape }))

/** A tag as it is defined. */
export const tagDocument = z
  .discriminatedUnion('kind', kinds as [(typeof kinds)[number], ...(typeof kinds)[number][]])
  .superRefine((document, context) => {
    const kind = tagKinds.find(({ key }) => key === document.kind)
    const message = document.refresh === 'realtime' ? kind?.onSchedule?.(document as never) : undefined
    if (message) context.addIssue({ code: 'custom', path: ['refresh'], message })
  })
  .openapi('TagDocument')
export type TagDocument = z.output<typeof tagDocument>
