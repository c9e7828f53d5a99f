import { z } from '@hono/zod-openapi'
import { durationText, wholeDays } from './duration.ts'
import { dateText } from './iso-date.ts'

const text = z
  .string()
  .max(2000)
  .refine(one => one.isWellFormed() && !one.includes('\0'), 'text must be well-formed Unicode without NUL')
const number = z.number().refine(Number.isFinite)
const scalar = z.union([text, number, z.boolean()])
const scalars = z.array(scalar).min(1).max(1000)
const ordered = <T extends z.ZodType<number | string>>(end: T) => z.tuple([end, end])

/** What may be asked of any value. Several must all hold. */
export const valueOperators = {
  eq: scalar.optional(),
  ne: scalar.optional(),
  in: scalars.optional(),
  notIn: scalars.optional(),
  gt: number.optional(),
  gte: number.optional(),
  lt: number.optional(),
  lte: number.optional(),
  between: ordered(number).optional().meta({ description: 'Both ends included' }),
  contains: text.optional(),
  startsWith: text.optional(),
  endsWith: text.optional(),
  exists: z.boolean().optional(),
  before: dateText.optional(),
  after: dateText.optional(),
  withinLast: durationText.optional(),
  withinNext: durationText.optional(),
  anniversaryWithin: durationText
    .refine(one => wholeDays(one) !== undefined, 'an anniversary is asked for in days or weeks: "7d"')
    .optional(),
}

/** What may be asked of a count, a sum, a share. */
export const numberOperators = {
  eq: number.optional(),
  ne: number.optional(),
  in: z.array(number).min(1).max(1000).optional(),
  notIn: z.array(number).min(1).max(1000).optional(),
  gt: number.optional(),
  gte: number.optional(),
  lt: number.optional(),
  lte: number.optional(),
  between: ordered(number).optional(),
  exists: z.boolean().optional(),
}

/** What may be asked of the time since something. */
export const sinceOperators = {
  gt: durationText.optional(),
  gte: durationText.optional(),
  lt: durationText.optional(),
  lte: durationText.optional(),
  between: ordered(durationText).optional(),
  exists: z.boolean().optional(),
}

export type Scalar = string | number | boolean
export type ValueOperators = z.infer<z.ZodObject<typeof valueOperators>>
export type NumberOperators = z.infer<z.ZodObject<typeof numberOperators>>
export type SinceOperators = z.infer<z.ZodObject<typeof sinceOperators>>

export const operatorNames = Object.keys(valueOperators) as (keyof ValueOperators)[]

export function hasOperator(subject: object): boolean {
  return operatorNames.some(name => (subject as ValueOperators)[name] !== undefined)
}

export const operatorNeeded = `name what is asked of it: one of ${operatorNames.join(', ')}`

/** Only the operators that are asked, in a fixed order. */
export function askedOf(operators: ValueOperators): [keyof ValueOperators, NonNullable<ValueOperators[keyof ValueOperators]>][] {
  return operatorNames.flatMap(name => {
    const value = operators[name]
    return value === undefined ? [] : [[name, value] as [keyof ValueOperators, NonNullable<typeof value>]]
  })
}
