import { anniversaryFlips, plus, steadyUntil } from '../calendar.ts'
import { durationOf, wholeDays } from '../duration.ts'
import { askedOf, type SinceOperators, type ValueOperators } from '../operators.ts'
import type { Sql } from './binder.ts'
import { earliest, never } from './never.ts'
import type { OperatorContext } from './operator-sql.ts'
import { emptyList, plainJson, type Subject } from './subject.ts'

const day = 86_400_000

/** The operators whose truth changes as time passes. */
const timed = ['withinLast', 'withinNext', 'anniversaryWithin'] as const
type Timed = (typeof timed)[number]

export function isTimed(operators: ValueOperators): boolean {
  return timed.some(name => operators[name] !== undefined)
}

/** The first moment after `now` at which an operator on dates may say something else of the subject, its list's elements included. */
export function subjectFlip(subject: Subject, operators: ValueOperators, context: OperatorContext): Sql {
  const asked = askedOf(operators).filter((one): one is [Timed, string] => timed.includes(one[0] as Timed))
  const flips = asked.flatMap(([name, value]) => {
    const own = momentFlip(context.calendar.momentIn(subject.text), name, value, context)
    if (subject.list === undefined || subject.list === emptyList) return [own]
    const inner = momentFlip(context.calendar.momentIn(plainJson('fx').text), name, value, context)
    return [own, `arrayMin(arrayPushBack(arrayMap(fx -> ${inner}, ${subject.list}), ${never}))`]
  })
  return earliest(flips)
}

/** @param moment Nullable(Int64), ms */
function momentFlip(moment: Sql, name: Timed, value: string, context: OperatorContext): Sql {
  const { binder, calendar } = context
  const now = binder.whole(context.now)
  const of = (flip: Sql) => `arrayMap(fm -> if(isNull(fm), ${never}, ${flip}), [${moment}])[1]`
  const m = 'assumeNotNull(fm)'
  if (name === 'anniversaryWithin') return of(monthDayFlip(`formatDateTime(${calendar.local(m)}, '%m-%d')`, value, context))
  const duration = durationOf(value)
  if (name === 'withinLast') return of(`if(${m} > ${now}, ${m}, ${after(now, calendar.plus(m, duration))})`)
  if ('ms' in duration)
    return of(`if(${m} <= ${now}, ${never}, if(${m} - ${binder.whole(duration.ms)} > ${now}, ${m} - ${binder.whole(duration.ms)}, ${m}))`)
  return of(`if(${m} <= ${now}, ${never}, ${monthsAheadFlip(m, duration.months, context)})`)
}

/**
 * When `m ≤ now ⊕ months` may change, for an m after now. `now ⊕ months` goes with now but for jumps of a few days at most, so far from m nothing
 * changes soon; near it, it is looked at again where the next jump may be.
 */
function monthsAheadFlip(m: Sql, months: number, { binder, zone, now }: OperatorContext): Sql {
  const whole = (value: number) => binder.whole(value)
  const gap = `(${m} - ${whole(plus(zone, now, { months }))})`
  const steady = whole(steadyUntil(zone, now, months))
  const far = `${whole(now)} + ${gap} - ${whole(5 * day)}`
  return `multiIf(${gap} > ${whole(6 * day)}, ${far}, ${gap} > 0, least(${steady}, ${whole(now)} + ${gap}), ${gap} < ${whole(-5 * day)}, ${m}, least(${steady}, ${m}))`
}

/** @param monthDay `MM-DD` */
export function monthDayFlip(monthDay: Sql, value: string, { binder, zone, now }: OperatorContext): Sql {
  const flips = anniversaryFlips(zone, now, wholeDays(value) ?? 0)
  // Not by `transform`: with bound arrays it is taken by one of the store's two analyzers only.
  const place = `indexOf(${binder.texts([...flips.keys()])}, ifNull(${monthDay}, ''))`
  return `arrayMap(i -> if(i = 0, ${never}, ${wholes([...flips.values()], binder)}[i]), [${place}])[1]`
}

function wholes(values: readonly number[], binder: OperatorContext['binder']): Sql {
  return `arrayMap(x -> toInt64(x), ${binder.numbers(values)})`
}

/** The moment where it lies ahead, else one that does not come. */
export function after(now: Sql, moment: Sql): Sql {
  return `if(${moment} > ${now}, ${moment}, ${never})`
}

/** When a comparison of the time since a moment changes. */
export function sinceFlip(moment: Sql, operators: SinceOperators, { binder, calendar, now }: OperatorContext): Sql {
  const at = (duration: string, isOpen: boolean) => {
    const flip = calendar.plus(moment, durationOf(duration))
    return after(binder.whole(now), isOpen ? `(${flip} + 1)` : flip)
  }
  const { gt, gte, lt, lte, between } = operators
  const flips = [gt && at(gt, true), gte && at(gte, false), lt && at(lt, false), lte && at(lte, true)]
  return earliest([
    ...flips.filter(flip => flip !== undefined && flip !== ''),
    ...(between ? [at(between[0], false), at(between[1], true)] : []),
  ] as Sql[])
}
