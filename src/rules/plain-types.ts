import type { DeclaredType } from '../dictionary/declared.ts'
import type { ObservedPathRow } from '../dictionary/observed.ts'
import { askedOf, type ValueOperators } from './operators.ts'

/** The types that operators tell apart. */
export type PlainType = 'text' | 'number' | 'boolean'

/** The one plain type that was ever seen, if it was one. */
export function seenType(row: ObservedPathRow | undefined): PlainType | undefined {
  const seen = Object.keys(row?.types ?? {}).filter(type => type !== 'null')
  const known = new Set(seen.map(type => (type === 'date' ? 'text' : type)))
  const [type] = known
  return known.size === 1 && (type === 'text' || type === 'number' || type === 'boolean') ? type : undefined
}

/** What a declaration says of the values themselves; of a list, nothing. */
export function declaredPlainType(type: DeclaredType | undefined): PlainType | undefined {
  if (type === undefined || type === 'list') return undefined
  return type === 'number' || type === 'boolean' ? type : 'text'
}

/** The operators that no value of the type can match, each with the types that it would take. */
export function neverMatching(operators: ValueOperators, type: PlainType | undefined): { name: string; wanted: string }[] {
  if (type === undefined) return []
  return askedOf(operators).flatMap(([name, value]) => {
    const wanted = wantedTypes(name, value)
    return wanted.length === 0 || wanted.includes(type) ? [] : [{ name, wanted: wanted.join(' and ') }]
  })
}

function wantedTypes(name: string, value: unknown): string[] {
  const typeOf = (one: unknown) => (typeof one === 'string' ? 'text' : typeof one)
  if (name === 'exists') return []
  if (['eq', 'ne', 'in', 'notIn'].includes(name)) return [...new Set((Array.isArray(value) ? value : [value]).map(typeOf))]
  return ['gt', 'gte', 'lt', 'lte', 'between'].includes(name) ? ['number'] : ['text']
}
