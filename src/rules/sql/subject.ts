import { stepsOf } from '../../dictionary/marks.ts'
import type { Binder, Sql } from './binder.ts'

/** A value of unknown type in SQL, with one expression per type that it may have: null where it is of another. */
export interface Subject extends Plain {
  /** Array(String): the elements of a list as JSON; empty where it is none. Undefined: it never is one. */
  list?: Sql
  /** Whether there is anything. */
  present: Sql
  /** It always is a number. */
  isSure?: boolean
}

/** A subject that may be a list. */
export type ListSubject = Subject & { list: Sql }

export interface Plain {
  /** Nullable(Float64) */
  number: Sql
  /** Nullable(String) */
  text: Sql
  /** Nullable(Bool) */
  bool: Sql
}

const none = { number: "cast(null, 'Nullable(Float64)')", text: "cast(null, 'Nullable(String)')", bool: "cast(null, 'Nullable(UInt8)')" }

/** JSON text of a single value. */
export function plainJson(json: Sql): Plain {
  return {
    number: `if(JSONType(${json}) in ('Int64', 'UInt64', 'Double'), JSONExtractFloat(${json}), null)`,
    text: `if(JSONType(${json}) = 'String', JSONExtractString(${json}), null)`,
    bool: `if(JSONType(${json}) = 'Bool', JSONExtractBool(${json}), null)`,
  }
}

/** JSON text of any value; empty text and null are missing. */
export function jsonSubject(json: Sql): ListSubject {
  return { ...plainJson(json), list: `JSONExtractArrayRaw(${json})`, present: `(${json} not in ('', 'null'))` }
}

/** The list of what is none. */
export const emptyList: Sql = "cast([], 'Array(String)')"

/** A number that is always there, unless `present` says when. */
export function numberSubject(number: Sql, present: Sql = '1'): Subject {
  return {
    ...none,
    number: present === '1' ? `toFloat64(${number})` : `toNullable(toFloat64(${number}))`,
    present,
    isSure: present === '1',
  }
}

export function textSubject(text: Sql): Subject {
  return { ...none, text: `toNullable(${text})`, present: '1' }
}

/** What stands at a path of a JSON column of events, or of the catalogue's attributes. Typed subcolumns are read where the path is plain; lists go through their JSON. */
export function columnSubject(binder: Binder, column: 'props' | 'context' | 'attributes', path: string, mayBeList = true): ListSubject {
  const steps = stepsOf(path)
  const listAt = steps.indexOf('[]')
  const names = (listAt < 0 ? steps : steps.slice(0, listAt)).map(step => binder.name(step))
  const value = `${column}.${names.join('.')}`
  const json = `ifNull(toJSONString(${value}), 'null')`
  const elements = mayBeList ? `if(startsWith(dynamicType(${value}), 'Array'), JSONExtractArrayRaw(${json}), ${emptyList})` : emptyList
  if (listAt < 0)
    return {
      number: `coalesce(${value}.:Float64, toFloat64(${value}.:Int64))`,
      text: `${value}.:String`,
      bool: `${value}.:Bool`,
      list: elements,
      // An object has no value of its own, only paths below it.
      present: `(isNotNull(${value}) or arrayExists(p -> startsWith(p, ${binder.text(`${path}.`)}), JSONAllPaths(${column})))`,
    }
  if (!mayBeList) return { ...none, list: emptyList, present: '0' }
  const found = steps.slice(listAt + 1).reduce((sofar, step) => {
    if (step === '[]') return `arrayFlatten(arrayMap(x -> JSONExtractArrayRaw(x), ${sofar}))`
    return `arrayFilter(x -> x not in ('', 'null'), arrayMap(x -> JSONExtractRaw(x, ${binder.text(step)}), ${sofar}))`
  }, elements)
  const list = `arrayFilter(x -> x != 'null', ${found})`
  return { ...none, list, present: `notEmpty(${list})` }
}

/** The value at a path as JSON text, `null` where it is missing. */
export function columnJson(binder: Binder, path: string, subject: ListSubject): Sql {
  const steps = stepsOf(path)
  if (steps.includes('[]')) return `if(empty(${subject.list}), 'null', concat('[', arrayStringConcat(${subject.list}, ','), ']'))`
  return `ifNull(toJSONString(props.${steps.map(step => binder.name(step)).join('.')}), 'null')`
}

/** Array(Float64): every number of the value, of a list its elements. */
export function numbersOf(subject: ListSubject): Sql {
  if (subject.list === emptyList) return `if(isNotNull(${subject.number}), [assumeNotNull(${subject.number})], cast([], 'Array(Float64)'))`
  const inList = `arrayMap(x -> JSONExtractFloat(x), arrayFilter(x -> JSONType(x) in ('Int64', 'UInt64', 'Double'), ${subject.list}))`
  return `if(isNotNull(${subject.number}), [assumeNotNull(${subject.number})], ${inList})`
}

/** Array(String): a key for every plain value, of a list its elements; values of different types differ. */
export function keysOf(subject: ListSubject): Sql {
  if (subject.list === emptyList) return `if(isNull(${keyOf(subject)}), ${emptyList}, [assumeNotNull(${keyOf(subject)})])`
  const inner = plainJson('x')
  const inList = `arrayFilter(k -> k != '', arrayMap(x -> ifNull(${keyOf(inner)}, ''), ${subject.list}))`
  return `arrayConcat(if(isNull(${keyOf(subject)}), cast([], 'Array(String)'), [assumeNotNull(${keyOf(subject)})]), ${inList})`
}

/** Nullable(String): a key for a plain value. */
export function keyOf({ number, text, bool }: Plain): Sql {
  return `coalesce(concat('t', ${text}), concat('n', toString(${number})), concat('b', toString(toUInt8(${bool}))))`
}
