import { stepsOf } from '../../dictionary/marks.ts'
import { askedOf, type ValueOperators } from '../operators.ts'
import type { Binder, Sql } from './binder.ts'
import { subjectFlip } from './flip-sql.ts'
import { never } from './never.ts'
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

/** The first moment after `now` at which an operator on dates may say something else of some entity of the kind, whichever an event names. */
export function itemFlip({ kind, attribute }: Item, operators: ValueOperators, context: OperatorContext): Sql {
  const flip = subjectFlip(columnSubject(context.binder, 'attributes', attribute), operators, context)
  return `ifNull((select minOrNull(${flip}) from entities final where kind = ${context.binder.text(kind)} and not deleted), ${never})`
}

/** The set stands there once: each time it is named, the store analyses its query anew. */
function namesOneOf({ namedBy }: Item, entities: Sql, binder: Binder): Sql {
  const ids = namedBy.map(path => idsAt(path, binder))
  return ids.length === 0
    ? '0'
    : `arrayExists(x -> ifNull(x in ${entities}, 0), ${ids.length === 1 ? ids[0] : `arrayConcat(${ids.join(', ')})`})`
}

const none = "cast([], 'Array(Nullable(String))')"

/** Array(Nullable(String)): the ids at a path. A branch that no event takes costs nothing: most have no list there. */
function idsAt(path: string, binder: Binder): Sql {
  const { list } = columnSubject(binder, 'props', path)
  const steps = stepsOf(path)
  const listAt = steps.indexOf('[]')
  const value = `props.${(listAt < 0 ? steps : steps.slice(0, listAt)).map(step => binder.name(step)).join('.')}`
  const type = `dynamicType(${value})`
  const inList = `startsWith(${type}, 'Array'), arrayMap(x -> ${idInJson('x')}, ${list})`
  if (listAt < 0) {
    const id = `coalesce(${value}.:String, toString(${value}.:Int64))`
    return `multiIf(${inList}, isNotNull(${id}), [${id}], ${none})`
  }
  const [inside, ...deeper] = steps.slice(listAt + 1)
  if (inside === undefined || inside === '[]' || deeper.length > 0) return `multiIf(${inList}, ${none})`
  // A list of objects has typed columns of its own, which are many times faster to read than its JSON.
  const [texts, wholes] = ['String', 'Int64'].map(of => `${value}.:\`Array(JSON)\`.${binder.name(inside)}.:${of}`)
  return `multiIf(startsWith(${type}, 'Array(JSON'), arrayConcat(${texts}, arrayMap(x -> toString(x), ${wholes})), ${inList}, ${none})`
}

/** Text, or a whole number as text. */
function idInJson(json: Sql): Sql {
  return `multiIf(JSONType(${json}) = 'String', JSONExtractString(${json}), JSONType(${json}) in ('Int64', 'UInt64'), toString(JSONExtractInt(${json})), null)`
}
