import { stepsOf } from '../../dictionary/marks.ts'
import { askedOf, type ValueOperators } from '../operators.ts'
import type { Binder, Sql } from './binder.ts'
import { holds, type OperatorContext } from './operator-sql.ts'
import { columnSubject } from './subject.ts'

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

/** A branch that no event takes costs nothing: most have no list there. */
function namedAt(path: string, isOne: (id: Sql) => Sql, binder: Binder): Sql {
  const { list } = columnSubject(binder, 'props', path)
  const steps = stepsOf(path)
  const listAt = steps.indexOf('[]')
  const value = `props.${(listAt < 0 ? steps : steps.slice(0, listAt)).map(step => binder.name(step)).join('.')}`
  const type = `dynamicType(${value})`
  const inList = `startsWith(${type}, 'Array'), arrayExists(x -> ${isOne(idInJson('x'))}, ${list})`
  if (listAt < 0) return `multiIf(${inList}, ${isOne(idAt(value))})`
  const [inside, ...deeper] = steps.slice(listAt + 1)
  if (inside === undefined || inside === '[]' || deeper.length > 0) return `multiIf(${inList}, 0)`
  // A list of objects has typed columns of its own, which are many times faster to read than its JSON.
  const items = `${value}.:\`Array(JSON)\`.${binder.name(inside)}`
  const typed = ['String', 'Int64'].map(of => `arrayExists(x -> ${isOne('toString(x)')}, ${items}.:${of})`)
  return `multiIf(startsWith(${type}, 'Array(JSON'), ${typed.join(' or ')}, ${inList}, 0)`
}

/** Text, or a whole number as text. */
function idAt(value: Sql): Sql {
  return `coalesce(${value}.:String, toString(${value}.:Int64))`
}

function idInJson(json: Sql): Sql {
  return `multiIf(JSONType(${json}) = 'String', JSONExtractString(${json}), JSONType(${json}) in ('Int64', 'UInt64'), toString(JSONExtractInt(${json})), null)`
}
