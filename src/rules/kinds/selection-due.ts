import { durationOf } from '../duration.ts'
import type { Filter } from '../filter.ts'
import { itemOf } from '../items.ts'
import type { NumberOperators } from '../operators.ts'
import type { Plan } from '../plan.ts'
import type { Sql } from '../sql/binder.ts'
import { after, isTimed, subjectFlip } from '../sql/flip-sql.ts'
import { itemFlip } from '../sql/item-sql.ts'
import { earliest, never } from '../sql/never.ts'
import type { Scan } from '../sql/scan.ts'
import type { Window } from '../window.ts'
import type { Selection } from './event-shape.ts'
import { ms, selectionSql, timeSubject } from './selection.ts'

/** Beyond this many the t-th newest is not looked for, but the next that leaves. */
const mostCounted = 200

/** The first moment after `now` at which some event may come into the selection or leave it, as time passes. */
export function selectionDue(selection: Selection, plan: Plan, scan: Scan, names: Set<string>): Sql {
  const { where = [] } = selection
  const timedFilters = where.filter(isTimedFilter)
  const window = windowFlip(selection.within as Window | undefined, plan)
  if (window === never && timedFilters.length === 0) return never
  const flip = earliest([window, ...timedFilters.map(one => filterFlip(one, plan))])
  const steady = where.filter(one => !isTimedFilter(one))
  const condition = selectionSql({ event: selection.event, where: steady }, plan, names)
  return orNever(scan.add('minIf', `${flip}, ${condition}`))
}

/** When the number of the selection's events passes one of these, exactly where nothing but the window changes it. */
export function countDue(selection: Selection, thresholds: readonly number[], plan: Plan, scan: Scan, names: Set<string>): Sql {
  const { within, where = [] } = selection
  const isPlain = typeof within === 'string' && !where.some(isTimedFilter)
  const wanted = [...new Set(thresholds)].filter(threshold => threshold >= 1).sort((a, b) => a - b)
  const most = wanted.at(-1)
  if (!isPlain || most === undefined || most > mostCounted)
    return isPlain && most === undefined ? never : selectionDue(selection, plan, scan, names)
  const own = selectionSql(selection, plan, names)
  const duration = durationOf(within)
  // ⊕ with months is not monotone: the moments of leaving are put in order, not those of coming.
  const isFixed = 'ms' in duration
  const leaving = (moment: Sql) => (isFixed ? plan.calendar.plus(moment, duration) : moment)
  const moment = isFixed ? ms : plan.calendar.plus(ms, duration)
  if (most === 1) return `if(${scan.add('countIf', own)} > 0, ${leaving(scan.add('maxIf', `${moment}, ${own}`))}, ${never})`
  const newest = scan.add(`groupArraySortedIf(${most})`, `-${moment}, ${own}`)
  return earliest(wanted.map(threshold => `if(length(${newest}) >= ${threshold}, ${leaving(`(-${newest}[${threshold}])`)}, ${never})`))
}

/** The counts at which a comparison may change: it is another at the threshold than just below. */
export function thresholdsOf({ eq, ne, in: among, notIn, gt, gte, lt, lte, between }: NumberOperators): number[] {
  const around = (value: number) => (Number.isInteger(value) ? [value, value + 1] : [])
  const above = (value: number) => [Math.floor(value) + 1]
  const from = (value: number) => [Math.ceil(value)]
  return [
    ...[eq, ne, ...(among ?? []), ...(notIn ?? [])].flatMap(value => (value === undefined ? [] : around(value))),
    ...[gt, lte, between?.[1]].flatMap(value => (value === undefined ? [] : above(value))),
    ...[gte, lt, between?.[0]].flatMap(value => (value === undefined ? [] : from(value))),
  ]
}

function windowFlip(window: Window | undefined, plan: Plan): Sql {
  const now = plan.binder.whole(plan.context.now)
  const at = (duration: string) => plan.calendar.plus(ms, durationOf(duration))
  if (typeof window === 'string') return after(now, at(window))
  if (window === undefined || !('ago' in window)) return never
  const [longer, shorter] = window.ago
  return earliest([after(now, at(shorter)), after(now, at(longer))])
}

function isTimedFilter(filter: Filter): boolean {
  if ('all' in filter) return filter.all.some(isTimedFilter)
  if ('any' in filter) return filter.any.some(isTimedFilter)
  if ('not' in filter) return isTimedFilter(filter.not)
  return isTimed(filter)
}

function filterFlip(filter: Filter, plan: Plan): Sql {
  if ('all' in filter) return earliest(filter.all.map(one => filterFlip(one, plan)))
  if ('any' in filter) return earliest(filter.any.map(one => filterFlip(one, plan)))
  if ('not' in filter) return filterFlip(filter.not, plan)
  if (!isTimed(filter)) return never
  if ('item' in filter) return itemFlip(itemOf(filter.item, plan.context.kinds), filter, plan.operators)
  if ('time' in filter) return subjectFlip(timeSubject(filter.time, plan), filter, plan.operators)
  const isContext = 'context' in filter
  return subjectFlip(plan.property(isContext ? 'context' : 'props', isContext ? filter.context : filter.prop), filter, plan.operators)
}

/** The aggregate of nothing is 0. */
export function orNever(moment: Sql): Sql {
  return `if(${moment} <= 0, ${never}, ${moment})`
}
