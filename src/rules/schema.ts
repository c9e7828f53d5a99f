import { z } from '@hono/zod-openapi'
import { type EventRule, eventRule } from './kinds/event-shape.ts'
import { type SequenceRule, sequenceRule } from './kinds/sequence-shape.ts'
import { hasOperator, type NumberOperators, numberOperators, operatorNeeded, type ValueOperators, valueOperators } from './operators.ts'

export type TraitRule = { trait: string } & ValueOperators
export type TagRule = { tag: string; score?: NumberOperators | undefined } & ValueOperators
export type AffinityRule = {
  affinity: { dimension: string; value: string | number | boolean }
  strength?: NumberOperators | undefined
} & NumberOperators

/** A condition that a person meets or does not meet at a moment. */
export type Rule =
  | { all: Rule[] }
  | { any: Rule[] }
  | { not: Rule }
  | { atLeast: number; of: Rule[] }
  | TraitRule
  | EventRule
  | SequenceRule
  | { consent: string }
  | TagRule
  | { audience: string }
  | AffinityRule

const key = z
  .string()
  .min(1)
  .max(255)
  .refine(text => text.isWellFormed() && !text.includes('\0'), 'a key must be well-formed Unicode without NUL')
const rules = () => z.array(ruleSchema).min(1).max(200)
const asked = z.strictObject(numberOperators).refine(hasOperator, operatorNeeded)

export const ruleSchema: z.ZodType<Rule> = z
  .lazy(() =>
    z.union([
      z.strictObject({ all: rules() }),
      z.strictObject({ any: rules() }),
      z.strictObject({ not: ruleSchema }),
      z.strictObject({ atLeast: z.int().min(1), of: rules() }).refine(({ atLeast, of }) => atLeast <= of.length, {
        path: ['atLeast'],
        message: 'at least as many as there are rules can never hold: lower it or add rules',
      }),
      z.strictObject({ trait: key, ...valueOperators }).refine(hasOperator, operatorNeeded),
      eventRule,
      sequenceRule,
      z.strictObject({ consent: key }),
      z.strictObject({ tag: key, ...valueOperators, score: asked.optional() }),
      z.strictObject({ audience: key }),
      z
        .strictObject({
          affinity: z.strictObject({ dimension: key, value: z.union([z.string(), z.number(), z.boolean()]) }),
          ...numberOperators,
          strength: asked.optional(),
        })
        .refine(rule => hasOperator(rule) || rule.strength !== undefined, operatorNeeded),
    ]),
  )
  .meta({ id: 'Rule' })

/** The language as JSON Schema (draft 2020-12). */
export function ruleJsonSchema(): object {
  return z.toJSONSchema(ruleSchema, { io: 'input' })
}
