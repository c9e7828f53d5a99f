import { z } from '@hono/zod-openapi'
import { pathText, whereSchema } from '../filter.ts'
import { hasOperator, numberOperators, operatorNeeded, sinceOperators, valueOperators } from '../operators.ts'
import { windowSchema } from '../window.ts'

const name = z
  .string()
  .min(1)
  .max(255)
  .refine(text => text.isWellFormed() && !text.includes('\0'), 'a name must be well-formed Unicode without NUL')

export const eventNames = z.union([name, z.array(name).min(1).max(50)]).meta({ examples: ['Product Viewed'] })

/** Events by name, filter and time. */
export const selection = { event: eventNames, where: whereSchema.optional(), within: windowSchema.optional() }
export const selectionSchema = z.strictObject(selection)
export type Selection = z.infer<typeof selectionSchema>

const ofCount = z.strictObject(numberOperators).refine(hasOperator, operatorNeeded)
const ofSince = z.strictObject(sinceOperators).refine(hasOperator, operatorNeeded)
const ofNumbers = z.strictObject({ prop: pathText, ...numberOperators }).refine(hasOperator, operatorNeeded)
const ofValue = z.strictObject({ prop: pathText, ...valueOperators }).refine(hasOperator, operatorNeeded)

const measures = {
  count: ofCount.optional(),
  days: ofCount.optional(),
  sinceLast: ofSince.optional(),
  sinceFirst: ofSince.optional(),
  sum: ofNumbers.optional(),
  avg: ofNumbers.optional(),
  min: ofNumbers.optional(),
  max: ofNumbers.optional(),
  distinct: ofNumbers.optional(),
  first: ofValue.optional(),
  last: ofValue.optional(),
}
export const measureNames = Object.keys(measures) as (keyof typeof measures)[]

/** How often, when, how much a person did something. No measure means: at least once. */
export const eventRule = z
  .strictObject({ ...selection, per: pathText.optional(), without: selectionSchema.optional(), ...measures })
  .refine(rule => measureNames.filter(measure => rule[measure] !== undefined).length <= 1, {
    message: `an event rule has one measure of ${measureNames.join(', ')}; join two rules with all`,
  })
export type EventRule = z.infer<typeof eventRule>

export function namesOf(event: EventRule['event']): readonly string[] {
  return typeof event === 'string' ? [event] : event
}
