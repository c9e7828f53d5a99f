import { z } from '@hono/zod-openapi'
import { durationOf, durationText, lengthOf } from './duration.ts'
import { dateText } from './iso-date.ts'

/** Which events count, by their time: the last so long, between two moments, between two ages, since a moment of the journey. */
export const windowSchema = z.union([
  durationText,
  z
    .strictObject({ from: dateText.optional(), to: dateText.optional() })
    .refine(({ from, to }) => from !== undefined || to !== undefined, 'give from, to, or both')
    .meta({ description: 'from ≤ ts < to' }),
  z
    .strictObject({ ago: z.tuple([durationText, durationText]) })
    .refine(({ ago: [longer, shorter] }) => lengthOf(durationOf(longer)) > lengthOf(durationOf(shorter)), {
      path: ['ago'],
      message: 'the longer time comes first: ["330d", "60d"]',
    }),
  z.strictObject({ since: z.enum(['entry', 'step']) }).meta({ description: 'Inside a journey only' }),
])
export type Window = z.infer<typeof windowSchema>
