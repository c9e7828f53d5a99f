import { z } from '@hono/zod-openapi'
import type { Runner } from '../definitions/type.ts'
import { pathText } from '../rules/filter.ts'
import { measureSql } from '../rules/kinds/event.ts'
import { type EventRule, selection } from '../rules/kinds/event-shape.ts'
import { selectionSql } from '../rules/kinds/selection.ts'
import type { Plan } from '../rules/plan.ts'
import type { Rule } from '../rules/schema.ts'
import { purposesOf } from '../rules/sensitive.ts'
import type { Sql } from '../rules/sql/binder.ts'
import { keyText } from '../tags/document.ts'

const flag = z.literal(true).optional()
const ofProp = z.strictObject({ prop: pathText }).optional()
const measures = { count: flag, days: flag, sum: ofProp, avg: ofProp, min: ofProp, max: ofProp, distinct: ofProp }
const measureNames = Object.keys(measures) as (keyof typeof measures)[]

const byEvents = z
  .strictObject({ ...selection, ...measures })
  .refine(by => measureNames.filter(name => by[name] !== undefined).length === 1, {
    message: `order by one of ${measureNames.join(', ')}: "count": true, "sum": { "prop": "total" }`,
  })

/** The first n of those who meet an audience's rule, by what they did or by a tag that is a number. */
export const limitSchema = z.strictObject({
  n: z.int().min(1).max(100_000_000),
  by: z.union([z.strictObject({ tag: keyText }), byEvents]),
  order: z.enum(['desc', 'asc']).default('desc').openapi({ description: 'The largest first, or the smallest' }),
})
export type Limit = z.output<typeof limitSchema>

/** The last who is in: whoever comes before is in, and nobody after. Null where there are not so many. */
export interface Bar {
  /** When it was worked out, ms. */
  at: number
  last: { value: number; profile: number } | null
}

/** The rule that asks whether there is a number to order by. */
export function ruleOfLimit({ by }: Limit): Rule {
  if ('tag' in by) return { tag: by.tag, exists: true }
  const name = measureNames.find(one => by[one] !== undefined) ?? 'count'
  const of = by[name]
  const { event, where, within } = by
  return { event, where, within, [name]: { exists: true, ...(typeof of === 'object' && of) } } as EventRule
}

/** Whether somebody has a number to be ordered by, and the number. */
function placeSql(limit: Limit, plan: Plan): { isThere: Sql; number: Sql } {
  const rule = ruleOfLimit(limit)
  if ('tag' in rule) {
    const text = plan.context.derived?.(rule, plan)?.evidence.value
    if (text === undefined) throw new Error('a tag that a limit names was looked up before')
    const number = plan.column(`if(JSONType(${text}) in ('Int64', 'UInt64', 'Double'), JSONExtractFloat(${text}), nan)`)
    return { isThere: `isFinite(${number})`, number }
  }
  const events = rule as EventRule
  const { holds, value = '0' } = measureSql(events, selectionSql(events, plan, plan.eventNames), plan.events, plan)
  const needed = plan.isExempt ? [] : purposesOf(events, plan.context.marks, plan.context.kinds)
  const number = plan.column(value)
  return { isThere: [holds, `isFinite(${number})`, ...needed.map(purpose => plan.consent(purpose))].join(' and '), number }
}

/** A condition that is never null: who comes not after the bar. Nobody before there is one. */
export function aboveBar(limit: Limit, bar: Bar | undefined, plan: Plan): Sql {
  const { isThere, number } = placeSql(limit, plan)
  if (bar === undefined) return '0'
  if (bar.last === null) return `(${isThere})`
  const { binder } = plan
  const value = binder.number(bar.last.value)
  const isBefore = `${number} ${limit.order === 'desc' ? '>' : '<'} ${value}`
  return `(${isThere} and (${isBefore} or ${number} = ${value} and profile <= ${binder.whole(bar.last.profile)}))`
}

/** Where the bar is now. Equal numbers go by profile id. @param member whether somebody meets the rule */
export async function barOf(limit: Limit, member: (plan: Plan) => Sql, runner: Runner): Promise<Bar> {
  const plan = runner.newPlan()
  const isMember = member(plan)
  const { isThere, number } = placeSql(limit, plan)
  const nth = plan.binder.whole(limit.n - 1)
  const [last] = await runner.query<{ value: number; profile: number }>(
    plan,
    [`toUInt8(ifNull(${isMember}, 0) and ${isThere}) as is_in`, `${number} as place`],
    statement =>
      `select toFloat64(place) as value, profile from ${statement} where is_in order by place ${limit.order}, profile limit 1 offset ${nth}`,
  )
  return { at: plan.context.now, last: last ?? null }
}
