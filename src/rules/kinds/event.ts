import { asStoredIn } from '../hidden.ts'
import type { KeyedPass, LeafSql, Plan } from '../plan.ts'
import { purposesOf } from '../sensitive.ts'
import type { Sql } from '../sql/binder.ts'
import { sinceFlip } from '../sql/flip-sql.ts'
import { earliest, never } from '../sql/never.ts'
import { holds, sinceHolds } from '../sql/operator-sql.ts'
import type { Scan } from '../sql/scan.ts'
import { columnJson, emptyList, jsonSubject, keyOf, keysOf, numberSubject, numbersOf } from '../sql/subject.ts'
import { type EventRule, measureNames, namesOf } from './event-shape.ts'
import { eventIs, ms, selectionSql } from './selection.ts'
import { countDue, selectionDue, thresholdsOf } from './selection-due.ts'

/** Compiles an event rule: into the pass that all share, or, `per` value of a property, into one of its own. */
export function eventLeaf(rule: EventRule, plan: Plan): LeafSql {
  const needs = purposesOf(rule, plan.context.marks, plan.context.kinds)
  if (rule.per === undefined) {
    const own = selectionSql(rule, plan, plan.eventNames)
    const { holds: measured, value } = measureSql(rule, own, plan.events, plan)
    const evidence = { count: plan.events.add('countIf', own), last: plan.events.add('maxIf', `${ms}, ${own}`), ...(value && { value }) }
    const due = () => eventDue(rule, own, plan, plan.events, plan.eventNames)
    return { holds: and(measured, withoutSql(rule, plan, plan.events, plan.eventNames)), needs, evidence, due }
  }
  const scan = plan.newKeyedScan()
  const names = new Set<string>()
  const own = selectionSql(rule, plan, names)
  const measured = and(measureSql(rule, own, scan, plan).holds, withoutSql(rule, plan, scan, names))
  const tried = `(${scan.add('countIf', own)} > 0 and ${measured})`
  const keys = `arrayDistinct(${keysOf(plan.property('props', rule.per))})`
  const pass: KeyedPass = { scan, from: eventIs([...names], plan), keys, holds: tried }
  const column = plan.addKeyed(pass)
  const isThere = () => countDue(rule, [1], plan, scan, names)
  return {
    holds: column,
    needs,
    evidence: {},
    due: () => plan.keyedDue(pass, earliest([isThere(), eventDue(rule, own, plan, scan, names)])),
  }
}

/** When the measure may change with time, or what must not be there. */
function eventDue(rule: EventRule, own: Sql, plan: Plan, scan: Scan, names: Set<string>): Sql {
  const without = rule.without ? countDue(rule.without, [1], plan, scan, names) : never
  return earliest([measureDue(rule, own, plan, scan, names), without])
}

function measureDue(rule: EventRule, own: Sql, plan: Plan, scan: Scan, names: Set<string>): Sql {
  const measure = measureNames.find(name => rule[name] !== undefined)
  if (measure === undefined) return countDue(rule, [1], plan, scan, names)
  if (measure === 'count') return countDue(rule, thresholdsOf(rule.count ?? {}), plan, scan, names)
  const inside = selectionDue(rule, plan, scan, names)
  if (measure !== 'sinceLast' && measure !== 'sinceFirst') return inside
  const moment = scan.add(measure === 'sinceLast' ? 'maxIf' : 'minIf', `${ms}, ${own}`)
  const passed = sinceFlip(moment, rule[measure] ?? {}, plan.operators)
  return passed === never ? inside : earliest([inside, `if(${scan.add('countIf', own)} > 0, ${passed}, ${never})`])
}

function and(a: Sql, b: Sql): Sql {
  return b === '1' ? a : `(${a} and ${b})`
}

function withoutSql({ without }: EventRule, plan: Plan, scan: Scan, names: Set<string>): Sql {
  return without ? `${scan.add('countIf', selectionSql(without, plan, names))} = 0` : '1'
}

/** The rule’s measure over the events that `own` finds: whether it is as asked, and the value itself. */
export function measureSql(rule: EventRule, own: Sql, scan: Scan, plan: Plan): { holds: Sql; value?: Sql } {
  const count = scan.add('countIf', own)
  const compare = (value: Sql, operators: object, present: Sql = '1') => ({
    holds: holds(numberSubject(present === '1' ? value : `if(${present}, ${value}, null)`, present), operators, plan.operators),
    value: `toFloat64(${value})`,
  })
  const measure = measureNames.find(name => rule[name] !== undefined)
  if (measure === undefined) return { holds: `${count} > 0` }
  if (measure === 'count') return compare(count, rule.count ?? {})
  if (measure === 'days') return compare(scan.add('uniqExactIf', `toDate32(${plan.calendar.local(ms)}), ${own}`), rule.days ?? {})
  if (measure === 'sinceLast' || measure === 'sinceFirst') {
    const operators = rule[measure] ?? {}
    const moment = scan.add(measure === 'sinceLast' ? 'maxIf' : 'minIf', `${ms}, ${own}`)
    if (operators.exists === false && Object.keys(operators).length > 1) return { holds: '0' }
    if (operators.exists === false) return { holds: `${count} = 0` }
    return { holds: `(${count} > 0 and ${sinceHolds(moment, operators, plan.operators)})`, value: moment }
  }
  return ofProperty(rule, measure, own, scan, plan, compare)
}

function ofProperty(
  rule: EventRule,
  measure: 'sum' | 'avg' | 'min' | 'max' | 'distinct' | 'first' | 'last',
  own: Sql,
  scan: Scan,
  plan: Plan,
  compare: (value: Sql, operators: object, present?: Sql) => { holds: Sql; value?: Sql },
): { holds: Sql; value?: Sql } {
  const { prop, ...operators } = rule[measure] ?? { prop: '' }
  const subject = plan.property('props', prop)
  const isPlain = subject.list === emptyList
  const where = (test: Sql) => plan.rows.name(`(${own} and ${test})`)
  if (measure === 'distinct' && isPlain) {
    const key = plan.rows.name(keyOf(subject))
    return compare(scan.add('uniqExactIf', `assumeNotNull(${key}), ${where(`isNotNull(${key})`)}`), operators)
  }
  if (measure === 'distinct') return compare(scan.add('uniqExactArrayIf', `${keysOf(subject)}, ${own}`), operators)
  if (measure === 'first' || measure === 'last') {
    const json = columnJson(plan.binder, prop, subject)
    const value = scan.add(measure === 'first' ? 'argMinIf' : 'argMaxIf', `${json}, (ts, position), ${own} and ${json} != 'null'`)
    const { marks, blindIndex } = plan.context
    const stored = asStoredIn({ event: namesOf(rule.event)[0] ?? '', path: prop }, operators, marks, blindIndex)
    return { holds: holds(jsonSubject(value), stored, plan.operators), value }
  }
  const numbers = isPlain ? `assumeNotNull(${subject.number})` : plan.rows.name(numbersOf(subject))
  const some = isPlain ? where(`isNotNull(${subject.number})`) : own
  const count = isPlain ? scan.add('countIf', some) : scan.add('sumIf', `length(${numbers}), ${own}`)
  const sum = () => scan.add(isPlain ? 'sumIf' : 'sumArrayIf', `${numbers}, ${some}`)
  if (measure === 'sum') return compare(`round(${sum()}, 6)`, operators)
  if (measure === 'avg') return compare(`round(${sum()} / ${count}, 6)`, operators, `${count} > 0`)
  return compare(scan.add(`${measure}${isPlain ? '' : 'Array'}If`, `${numbers}, ${some}`), operators, `${count} > 0`)
}
