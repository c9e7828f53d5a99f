import { z } from '@hono/zod-openapi'
import { tagTrait } from '../../collect/tag-trait.ts'
import { durationOf, durationText } from '../../rules/duration.ts'
import { traitColumn } from '../../rules/kinds/trait.ts'
import { never } from '../../rules/sql/never.ts'
import type { TagKind } from './kind.ts'

export const assignedValue = z.union([z.string().trim().min(1).max(200), z.number(), z.literal(true)])

const shape = {
  values: z
    .array(
      z.strictObject({
        value: assignedValue,
        zh: z.string().trim().max(100).optional(),
        en: z.string().trim().max(100).optional(),
      }),
    )
    .min(1)
    .max(1000)
    .optional()
    .openapi({ description: 'What may be assigned; anything without it. An import is not held to it' }),
  validity: durationText
    .optional()
    .openapi({ description: 'How long an assignment holds that does not say until when itself', example: '90d' }),
}
export type ManualTag = z.output<z.ZodObject<typeof shape>>

/** A value that somebody, or a file, gave the person. The assignment is a fact: the trait `$tag:<key>` holds value, score and until. */
export const manualTag: TagKind<ManualTag> = {
  key: 'manual',
  shape,
  rulesOf: () => [],
  isOpen: ({ values }) => values === undefined,
  assess({ validity }, plan, { key }) {
    const { binder, calendar, context, traits } = plan
    const trait = tagTrait(key)
    const said = plan.column(traitColumn(trait, plan))
    const since = traits.add('maxIf', `toUnixTimestamp64Milli(ts), key = ${binder.text(trait)}`)
    const until = `if(JSONHas(${said}, 'until'), JSONExtractInt(${said}, 'until'), ${validity ? calendar.plus(since, durationOf(validity)) : never})`
    const ends = plan.column(`toInt64(${until})`)
    const value = `JSONExtractRaw(${said}, 'value')`
    const holds = plan.column(
      `toUInt8(${said} not in ('', 'null') and ${binder.whole(context.now)} < ${ends} and ${value} not in ('', 'null'))`,
    )
    return {
      value: plan.column(`if(${holds}, ${value}, '')`),
      score: plan.column(`if(JSONHas(${said}, 'score'), JSONExtractFloat(${said}, 'score'), 1)`),
      due: () => `if(${holds}, ${ends}, ${never})`,
    }
  },
}
