import { z } from '@hono/zod-openapi'
import { scheduleSchema } from '../definitions/schedule.ts'
import { ruleSchema } from '../rules/schema.ts'
import { keyText } from '../tags/document.ts'

const name = z.string().trim().min(1).max(100)

/** An audience as it is defined: a saved rule that stays true, one that is worked out on a schedule, or a list frozen when it is saved. */
export const audienceDocument = z
  .strictObject({
    key: keyText.optional().openapi({ description: 'As in the address; may be left out' }),
    zh: name.openapi({ example: '干性肌·冬季护肤课' }),
    en: name.optional(),
    description: z.string().trim().max(2000).optional(),
    owner: z.string().trim().max(100).optional(),
    rule: ruleSchema,
    refresh: z
      .union([z.literal('realtime'), z.literal('frozen'), scheduleSchema])
      .default('realtime')
      .openapi({ description: 'Always true to its rule; a list as of when it was saved; or as of its last run' }),
    purpose: z.enum(['protective', 'service']).optional(),
  })
  .openapi('AudienceDocument')
export type AudienceDocument = z.output<typeof audienceDocument>
