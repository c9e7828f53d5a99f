import { z } from '@hono/zod-openapi'
import type { Runner } from '../../definitions/type.ts'
import { pathText } from '../../rules/filter.ts'
import { measureSql } from '../../rules/kinds/event.ts'
import { type EventRule, selection } from '../../rules/kinds/event-shape.ts'
import { selectionSql } from '../../rules/kinds/selection.ts'
import { selectionDue } from '../../rules/kinds/selection-due.ts'
import { permitted } from '../../rules/permitted.ts'
import type { Plan } from '../../rules/plan.ts'
import { purposesOf } from '../../rules/sensitive.ts'
import type { Sql } from '../../rules/sql/binder.ts'
import { earliest, never } from '../../rules/sql/never.ts'
import { bucketNames, bucketSchema, bucketSql, edgesOf, isByQuantiles } from './buckets.ts'
import type { TagKind } from './kind.ts'

const flag = z.literal(true).optional()
const ofProp = z.strictObject({ prop: pathText }).optional()
const measures = {
  count: flag,
  days: flag,
  sinceLast: flag.openapi({ description: 'Whole days of 24 hours since the latest' }),
  sinceFirst: flag,
  sum: ofProp,
  avg: ofProp,
  min: ofProp,
  max: ofProp,
  distinct: ofProp,
  first: ofProp,
  last: ofProp,
}
const measureNames = Object.keys(measures) as (keyof typeof measures)[]
const shape = {
  metric: z
    .strictObject({
      ...selection,
      ...measures,
      onlyWhoDid: flag.openapi({ description: 'Who did nothing of it has no value, where a count or a sum would be 0' }),
    })
    .refine(metric => measureNames.filter(name => metric[name] !== undefined).length === 1, {
      message: `a metric is one of ${measureNames.join(', ')}: "count": true, "sum": { "prop": "total" }`,
    }),
  buckets: bucketSchema.optional(),
}
type MetricTag = z.output<z.ZodObject<typeof shape>>
type Metric = MetricTag['metric']

const dayMs = 86_400_000

/** What a person did, as a number; or in which bucket that number is. */
export const metricTag: TagKind<MetricTag> = {
  key: 'metric',
  shape,
  rulesOf: () => [],
  eventsOf: ({ metric }) => [{ path: 'metric', rule: ruleOf(metric) }],
  isOpen: ({ buckets }) => buckets === undefined,
  onSchedule: ({ buckets }) =>
    buckets && isByQuantiles(buckets)
      ? 'quantiles compare everybody with everybody, so they are worked out on a schedule: give {"daily": "03:00"} or {"every": "6h"}'
      : undefined,
  assess({ metric, buckets }, plan, { run }) {
    const { present, number, text, moment } = metricSql(metric, plan)
    if (!buckets) {
      const next = () => earliest([selectionDue(selectionOf(metric), plan, plan.events, plan.eventNames), nextDay(moment, present, plan)])
      return { value: plan.column(`if(${present}, ${text}, '')`), score: plan.binder.number(1), due: next }
    }
    const names = bucketNames(buckets)
    const edges = edgesOf(buckets, run)
    const place = edges === undefined ? '0' : bucketSql(buckets, edges, number, plan.binder)
    const chosen = plan.column(`toUInt16(if(${present} and isFinite(${number}), ${place}, 0))`)
    const due = () =>
      isByQuantiles(buckets)
        ? never
        : earliest([selectionDue(selectionOf(metric), plan, plan.events, plan.eventNames), nextDay(moment, present, plan, edges)])
    const texts = plan.binder.texts(names.map(name => JSON.stringify(name)))
    return {
      value: plan.column(`if(${chosen} = 0, '', ${texts}[${chosen}])`),
      score: plan.binder.number(1),
      due,
      choice: { number: chosen, values: names, score: 1 },
    }
  },
  async prepare(own: MetricTag & { purpose?: string }, runner: Runner) {
    const { metric, buckets } = own
    if (!buckets || !isByQuantiles(buckets)) return undefined
    const plan = runner.newPlan()
    const { present, number } = plan.definition(own.purpose !== undefined, () => metricSql(metric, plan))
    const sign = buckets.order === 'desc' ? '-' : ''
    // The k-th edge is the value that the k-th part of n of all people do not exceed.
    const parts = plan.binder.whole(buckets.quantiles)
    const [row] = await runner.query<{ edges: number[]; people: number }>(
      plan,
      [`if(${present} and isFinite(${number}), toNullable(${sign}${number}), null) as value`, `${parts} as parts`],
      statement =>
        `select length(sorted) as people, if(people = 0, [], arrayMap(k -> sorted[intDiv(k * people + parts - 1, parts)], range(1, toUInt32(parts)))) as edges
         from (select arraySort(groupArray(value)) as sorted, any(parts) as parts from ${statement})`,
    )
    return { edges: row?.edges ?? [], people: row?.people ?? 0 }
  },
}

function selectionOf({ event, where, within }: Metric) {
  return { event, where, within }
}

/** The event rule that asks whether the metric has a value. */
function ruleOf(metric: Metric): EventRule {
  const name = measureNames.find(one => metric[one] !== undefined) ?? 'count'
  const of = metric[name]
  return { ...selectionOf(metric), [name]: { exists: true, ...(typeof of === 'object' && of) } }
}

interface MetricSql {
  /** Whether there is a value, and it may be read. */
  present: Sql
  /** Float64; means nothing where the value is no number. */
  number: Sql
  /** JSON text. */
  text: Sql
  /** Since when, where it is a time: Int64 ms. */
  moment?: Sql
}

function metricSql(metric: Metric, plan: Plan): MetricSql {
  const rule = ruleOf(metric)
  const own = selectionSql(rule, plan, plan.eventNames)
  const { holds, value = '0' } = measureSql(rule, own, plan.events, plan)
  const isPermitted = permitted(purposesOf(rule, plan.context.marks, plan.context.kinds), plan)
  const tests = [holds, isPermitted ?? '', metric.onlyWhoDid ? `${plan.events.add('countIf', own)} > 0` : '']
  const present = plan.column(`toUInt8(${tests.filter(test => test !== '').join(' and ')})`)
  if (metric.sinceLast || metric.sinceFirst) {
    const days = plan.column(`floor((${plan.binder.whole(plan.context.now)} - ${value}) / ${dayMs})`)
    return { present, number: days, text: `toString(${days})`, moment: value }
  }
  if (metric.first || metric.last) {
    const isPlain = plan.column(`toUInt8(${present} and JSONType(${value}) in ('String', 'Int64', 'UInt64', 'Double', 'Bool'))`)
    const number = `if(JSONType(${value}) in ('Int64', 'UInt64', 'Double'), JSONExtractFloat(${value}), nan)`
    return { present: isPlain, number: plan.column(number), text: value }
  }
  const number = plan.column(value)
  return { present, number, text: `if(isFinite(${number}), toString(${number}), '')` }
}

/** When the number of days since a moment becomes another, or passes the next of the edges. */
function nextDay(moment: Sql | undefined, present: Sql, { binder, context }: Plan, edges?: readonly number[]): Sql {
  if (moment === undefined) return never
  const now = binder.whole(context.now)
  const days = `intDiv(${now} - ${moment}, ${dayMs})`
  const next = edges
    ? `arrayMin(arrayFilter(d -> d > ${days}, arrayPushBack(arrayMap(e -> toInt64(ceil(e)), ${binder.numbers(edges)}), ${never})))`
    : `${days} + 1`
  return `arrayMap(d -> if(${present} and d < 1000000, ${moment} + d * ${dayMs}, ${never}), [toInt64(${next})])[1]`
}
