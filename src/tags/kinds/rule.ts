import { z } from '@hono/zod-openapi'
import { branchOf } from '../../rules/compile.ts'
import { ruleSchema } from '../../rules/schema.ts'
import { earliest } from '../../rules/sql/never.ts'
import type { TagKind } from './kind.ts'

const value = z.union([z.string().min(1).max(100), z.number(), z.literal(true)])
const shape = {
  values: z
    .array(
      z.strictObject({
        value,
        zh: z.string().trim().max(100).optional(),
        en: z.string().trim().max(100).optional(),
        rule: ruleSchema,
        confidence: z.number().min(0.02).max(0.98).optional().openapi({ description: 'What its score starts from; 0.9 without it' }),
      }),
    )
    .min(1)
    .max(100)
    .refine(values => new Set(values.map(one => JSON.stringify(one.value))).size === values.length, 'each value stands once')
    .openapi({ description: 'The first whose rule holds applies' }),
}
type RuleTag = z.output<z.ZodObject<typeof shape>>

const usualConfidence = 0.9

/** One or several values, each with a rule; the first that holds applies. */
export const ruleTag: TagKind<RuleTag> = {
  key: 'rule',
  shape,
  rulesOf: ({ values }) => values.map(({ rule }, index) => ({ path: `values[${index}].rule`, rule })),
  assess({ values }, plan) {
    const branches = values.map(({ rule }, index) => branchOf(rule, plan, `values[${index}].rule`))
    const tests = branches.map(({ column }, index) => `ifNull(${column}, 0), ${index + 1}`)
    const number = plan.column(`toUInt16(multiIf(${tests.join(', ')}, 0))`)
    const texts = plan.binder.texts(['', ...values.map(one => JSON.stringify(one.value))])
    const scores = values.map(({ confidence }) => confidence ?? usualConfidence)
    const [first = usualConfidence] = scores
    const isOne = scores.every(score => score === first)
    return {
      value: `${texts}[${number} + 1]`,
      score: isOne ? plan.binder.number(first) : `${plan.binder.numbers([0, ...scores])}[${number} + 1]`,
      due: () => earliest(branches.map(branch => branch.due())),
      ...(isOne && { choice: { number, values: values.map(one => one.value), score: first } }),
    }
  },
}
