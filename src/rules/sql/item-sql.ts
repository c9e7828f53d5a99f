import { stepsOf } from '../../dictionary/marks.ts'
import { askedOf, type ValueOperators } from '../operators.ts'
import type { Binder, Sql } from './binder.ts'
import { holds, type OperatorContext } from './operator-sql.ts'
import { columnSubject, type Plain, plainJson } from './subject.ts'

/** An attribute of the entities of a kind that an event names. */
export interface Item {
  kind: string
  attribute: string
  /** Properties that carry their ids. */
  namedBy: readonly string[]
}

/** Gives a query a name, under which the whole statement can ask it. */
export type NameQuery = (query: Sql) => Sql

/**
 * The operators hold for the values that the attribute has over all named entities, as they hold for a list. Each asks for the set of
 * entities that satisfy it, which the store finds once per statement, and whether the event names one of them.
 */
export function itemHolds(item: Item, operators: ValueOperators, context: OperatorContext, nameQuery: NameQuery): Sql {
  const one = (asked: ValueOperators) => namesOneOf(item, nameQuery(entitiesWhere(item, asked, context)), context.binder)
  const tests = askedOf(operators).map(([name, value]) => {
    if (name === 'ne') return `not ${one({ eq: value as never })}`
    if (name === 'notIn') return `not ${one({ in: value as never })}`
    if (name === 'exists') return value ? one({ exists: true }) : `not ${one({ exists: true })}`
    return one({ [name]: value })
  })
  return `(${tests.join(' and ')})`
}

function entitiesWhere({ kind, attribute }: Item, asked: ValueOperators, context: OperatorContext): Sql {
  const test = holds(columnSubject(context.binder, 'attributes', attribute), asked, context)
  return `select id from entities final where kind = ${context.binder.text(kind)} and not deleted and ${test}`
}

function namesOneOf({ namedBy }: Item, entities: Sql, binder: Binder): Sql {
  const tests = namedBy.map(path => namedAt(path, id => `ifNull(${id} in ${entities}, 0)`, binder))
  return tests.length === 0 ? '0' : `(${tests.join(' or ')})`
}

function namedAt(path: string, isOne: (id: Sql) => Sql, binder: Binder): Sql {
  const subject = columnSubject(binder, 'props', path)
  const inList = `arrayExists(x -> ${isOne(idIn(plainJson('x')))}, ${subject.list})`
  const typed = typedItems(path, binder)
  if (typed) return `if(${typed.has}, ${typed.ids.map(ids => `arrayExists(x -> ${isOne('toString(x)')}, ${ids})`).join(' or ')}, ${inList})`
  return path.includes('[]') ? inList : `(${isOne(idIn(subject))} or ${inList})`
}

/** Text, or a whole number as text. */
function idIn({ text, number }: Plain): Sql {
  const whole = `arrayMap(n -> if(n = floor(n) and abs(n) <= ${Number.MAX_SAFE_INTEGER}, toString(toInt64(n)), null), [${number}])[1]`
  return `coalesce(${text}, ${whole})`
}

/** A list of objects has typed columns of its own, which are many times faster to read than its JSON. Undefined for any other path. */
function typedItems(path: string, binder: Binder): { has: Sql; ids: Sql[] } | undefined {
  const steps = stepsOf(path)
  const [inside, ...deeper] = steps.slice(steps.indexOf('[]') + 1)
  if (!steps.includes('[]') || inside === undefined || inside === '[]' || deeper.length > 0) return undefined
  const list = `props.${steps
    .slice(0, -2)
    .map(step => binder.name(step))
    .join('.')}`
  const ids = ['String', 'Int64'].map(type => `${list}.:\`Array(JSON)\`.${binder.name(inside)}.:${type}`)
  return { has: `startsWith(dynamicType(${list}), 'Array(JSON')`, ids }
}
