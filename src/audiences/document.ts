import { z } from '@hono/zod-openapi'
import { scheduleSchema } from '../definitions/schedule.ts'
import { ruleSchema } from '../rules/schema.ts'
import { keyText } from '../tags/document.ts'
import { limitSchema } from './limit.ts'

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
    at: z.iso.datetime({ offset: true }).optional().openapi({ description: 'A frozen list as of this moment instead of when it is saved' }),
    limit: limitSchema.optional().openapi({ description: 'Only the first n, as of each run' }),
    purpose: z.enum(['protective', 'service']).optional(),
  })
  .refine(({ at, refresh }) => at === undefined || refresh === 'frozen', {
    path: ['at'],
    message: 'only a frozen list is as of a moment: give "refresh": "frozen"',
  })
  .refine(({ limit, refresh }) => limit === undefined || refresh !== 'realtime', {
    path: ['limit'],
    message:
      'who is among the first depends on everybody, so it is worked out on a schedule: give {"daily": "03:00"}, {"every": "6h"} or "frozen"',
  })
  .refine(({ at, limit }) => at === undefined || limit === undefined, {
    path: ['limit'],
    message: 'a list as of a moment takes everybody who was in then: leave one of at and limit out',
  })
  .openapi('AudienceDocument')
export type AudienceDocument = z.output<typeof audienceDocument>
