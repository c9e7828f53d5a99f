import { anniversariesWithin } from '../calendar.ts'
import { durationOf, wholeDays } from '../duration.ts'
import { momentIn } from '../iso-date.ts'
import { askedOf, type Scalar, type SinceOperators, type ValueOperators } from '../operators.ts'
import type { Binder, Sql } from './binder.ts'
import type { CalendarSql } from './calendar-sql.ts'
import { emptyList, type Plain, plainJson, type Subject } from './subject.ts'

export interface OperatorContext {
  binder: Binder
  calendar: CalendarSql
  zone: string
  now: number
}

/** All operators hold for the subject; a condition that is never null. */
export function holds(subject: Subject, operators: ValueOperators, context: OperatorContext): Sql {
  const tests = askedOf(operators).map(([name, value]) => testSql(subject, name, value, context))
  return tests.length === 0 ? '1' : `(${tests.join(' and ')})`
}

function testSql(subject: Subject, name: keyof ValueOperators, value: unknown, context: OperatorContext): Sql {
  if (name === 'exists') return value ? subject.present : `not ${subject.present}`
  if (name === 'ne') return `not ${testSql(subject, 'eq', value, context)}`
  if (name === 'notIn') return `not ${testSql(subject, 'in', value, context)}`
  const test = (plain: Plain) => plainTest(plain, name, value, context)
  if (subject.isSure && sureTests.has(name)) return test(subject)
  if (subject.list === undefined || subject.list === emptyList) return `ifNull(${test(subject)}, 0)`
  return `(ifNull(${test(subject)}, 0) or arrayExists(x -> ifNull(${test(plainJson('x'))}, 0), ${subject.list}))`
}

/** Comparisons with a number that is there are never null. */
const sureTests = new Set<keyof ValueOperators>(['gt', 'gte', 'lt', 'lte', 'between'])

/** One value by itself; null or false where its type is another. */
function plainTest(plain: Plain, name: keyof ValueOperators, value: unknown, context: OperatorContext): Sql {
  const { binder } = context
  const number = () => binder.number(value as number)
  const text = () => binder.text(value as string)
  switch (name) {
    case 'eq':
      return equal(plain, value as Scalar, binder)
    case 'in':
      return within(plain, value as Scalar[], binder)
    case 'gt':
      return `${plain.number} > ${number()}`
    case 'gte':
      return `${plain.number} >= ${number()}`
    case 'lt':
      return `${plain.number} < ${number()}`
    case 'lte':
      return `${plain.number} <= ${number()}`
    case 'between': {
      const [from, to] = value as [number, number]
      return `${plain.number} >= ${binder.number(from)} and ${plain.number} <= ${binder.number(to)}`
    }
    case 'contains':
      return `position(${plain.text}, ${text()}) > 0`
    case 'startsWith':
      return `startsWith(${plain.text}, ${text()})`
    case 'endsWith':
      return `endsWith(${plain.text}, ${text()})`
    default:
      return dateTest(context.calendar.momentIn(plain.text), name, value as string, context)
  }
}

function equal(plain: Plain, value: Scalar, binder: Binder): Sql {
  if (typeof value === 'string') return `${plain.text} = ${binder.text(value)}`
  if (typeof value === 'number') return `${plain.number} = ${binder.number(value)}`
  return `${plain.bool} = ${value ? 1 : 0}`
}

function within(plain: Plain, values: readonly Scalar[], binder: Binder): Sql {
  const texts = values.filter(value => typeof value === 'string')
  const numbers = values.filter(value => typeof value === 'number')
  const bools = values.filter(value => typeof value === 'boolean')
  const tests = [
    texts.length > 0 ? `ifNull(has(${binder.texts(texts)}, assumeNotNull(${plain.text})) and isNotNull(${plain.text}), 0)` : '',
    numbers.length > 0 ? `ifNull(has(${binder.numbers(numbers)}, assumeNotNull(${plain.number})) and isNotNull(${plain.number}), 0)` : '',
    ...bools.map(value => `ifNull(${equal(plain, value, binder)}, 0)`),
  ]
  return `(${tests.filter(test => test !== '').join(' or ')})`
}

/** Facts on dates at `now`. @param moment Nullable(Int64) milliseconds */
function dateTest(moment: Sql, name: keyof ValueOperators, value: string, context: OperatorContext): Sql {
  const { binder, calendar, zone } = context
  const now = binder.whole(context.now)
  const once = (test: (moment: Sql) => Sql) => `arrayMap(om -> ifNull(${test('om')}, 0), [${moment}])[1]`
  if (name === 'before') return once(m => `${m} < ${binder.whole(momentIn(value, zone) ?? 0)}`)
  if (name === 'after') return once(m => `${m} > ${binder.whole(momentIn(value, zone) ?? 0)}`)
  if (name === 'withinLast') return once(m => `${m} <= ${now} and ${now} < ${calendar.plus(m, durationOf(value))}`)
  if (name === 'withinNext') return once(m => `${m} > ${now} and ${m} <= ${calendar.plus(now, durationOf(value))}`)
  return once(m => anniversaryTest(`formatDateTime(${calendar.local(`assumeNotNull(${m})`)}, '%m-%d')`, m, value, context))
}

function anniversaryTest(monthDay: Sql, moment: Sql, value: string, { binder, zone, now }: OperatorContext): Sql {
  return `isNotNull(${moment}) and has(${binder.texts(anniversariesWithin(zone, now, wholeDays(value) ?? 0))}, ${monthDay})`
}

/** The facet of a personal date: its month and day. */
export function monthDayHolds(monthDay: Sql, value: string, { binder, zone, now }: OperatorContext): Sql {
  return `ifNull(has(${binder.texts(anniversariesWithin(zone, now, wholeDays(value) ?? 0))}, ${monthDay}), 0)`
}

/** The time since a moment that is there. */
export function sinceHolds(moment: Sql, operators: SinceOperators, { binder, calendar, now }: OperatorContext): Sql {
  const passed = (sign: string, duration: string) => `${binder.whole(now)} ${sign} ${calendar.plus(moment, durationOf(duration))}`
  const { gt, gte, lt, lte, between } = operators
  const tests = [
    gt && passed('>', gt),
    gte && passed('>=', gte),
    lt && passed('<', lt),
    lte && passed('<=', lte),
    between && `${passed('>=', between[0])} and ${passed('<=', between[1])}`,
  ]
  return tests.filter(test => test !== undefined).join(' and ') || '1'
}
