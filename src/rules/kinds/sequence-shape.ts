import { z } from '@hono/zod-openapi'
import { durationText } from '../duration.ts'
import { pathText, whereSchema } from '../filter.ts'
import { windowSchema } from '../window.ts'
import { eventNames, selectionSchema } from './event-shape.ts'

const step = z.strictObject({ event: eventNames, where: whereSchema.optional(), within: durationText.optional() })

/** Events in order, each strictly later than the one before and within its own time of it, nothing of `without` in between. */
export const sequenceRule = z.strictObject({
  sequence: z
    .array(step)
    .min(2)
    .max(10)
    .refine(([first]) => first?.within === undefined, {
      path: [0, 'within'],
      message: 'the first step has nothing before it: leave within out',
    }),
  per: pathText.optional(),
  without: selectionSchema.optional(),
  within: windowSchema.optional(),
})
export type SequenceRule = z.infer<typeof sequenceRule>
