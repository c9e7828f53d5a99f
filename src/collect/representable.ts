import type { Json, Rejection } from './event.ts'

/** Containers inside containers that a value may have: `{}` and `[]` are depth 1. */
export const maxDepth = 16
export const maxKeyLength = 255
export const maxKeys = 1000

/** Exclusive. A JSON column reads whole numbers as Int64 or UInt64 and refuses the insert for one that fits neither. */
const numberBound = 2 ** 63

/**
 * What a value weighs, or NaN where it cannot be represented: the hot path, which says no more than that.
 * The weight is at least a sixth of the value's length as JSON in UTF-8, so a small one needs no exact measure.
 * @param depth how many containers may still follow
 * @param escaped the text had `\u` escapes: without them there is neither a lone surrogate nor a NUL
 */
export function weigh(value: unknown, depth: number, escaped: boolean): number {
  if (typeof value === 'string') return escaped && !value.isWellFormed() ? Number.NaN : value.length + 1
  if (typeof value === 'number') return value < numberBound && value > -numberBound ? 5 : Number.NaN
  if (value === null || typeof value === 'boolean') return 1
  if (depth === 0) return Number.NaN
  let weight = 1
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) weight += weigh(value[i], depth - 1, escaped) + 1
    return weight
  }
  let keys = 0
  for (const key in value as object) {
    if (key.length > maxKeyLength || key === '__proto__' || ++keys > maxKeys || (escaped && !isStorableKey(key))) return Number.NaN
    weight += key.length + 1 + weigh((value as Record<string, unknown>)[key], depth - 1, escaped)
  }
  return weight
}

function isStorableKey(key: string): boolean {
  return key.isWellFormed() && !key.includes('\0')
}

/** Why a value cannot be represented, and where in it: asked only once `weigh` said that it cannot. */
export function unrepresentable(value: unknown, path = '', depth = maxDepth): Rejection | undefined {
  if (typeof value === 'string' && !value.isWellFormed())
    return { code: 'malformed_text', path, message: 'The text has half of a surrogate pair: send well-formed Unicode.' }
  if (typeof value === 'number' && !(Math.abs(value) < numberBound))
    return { code: 'number_out_of_range', path, message: 'Numbers must lie within ±9.2e18: send long numbers as text.' }
  if (typeof value !== 'object' || value === null) return undefined
  if (depth === 0) return { code: 'too_deep', path, message: `Values may be nested ${maxDepth} deep: flatten this one.` }
  return Array.isArray(value) ? unrepresentableItem(value, path, depth) : unrepresentableEntry(value, path, depth)
}

function unrepresentableItem(items: readonly unknown[], path: string, depth: number): Rejection | undefined {
  for (const [index, item] of items.entries()) {
    const fault = unrepresentable(item, `${path}[${index}]`, depth - 1)
    if (fault) return fault
  }
  return undefined
}

function unrepresentableEntry(value: object, path: string, depth: number): Rejection | undefined {
  const entries = Object.entries(value)
  if (entries.length > maxKeys) return { code: 'too_many_keys', path, message: `An object may have ${maxKeys} keys: send lists as lists.` }
  for (const [key, inner] of entries) {
    const fault = unstorableKey(key, path) ?? unrepresentable(inner, joined(path, key), depth - 1)
    if (fault) return fault
  }
  return undefined
}

function unstorableKey(key: string, path: string): Rejection | undefined {
  if (key.length > maxKeyLength) return { code: 'key_too_long', path, message: `Keys may be ${maxKeyLength} characters long.` }
  if (key === '__proto__') return { code: 'reserved_key', path, message: 'The key __proto__ is reserved: use another name.' }
  if (!isStorableKey(key)) return { code: 'malformed_key', path, message: 'A key must be well-formed Unicode without NUL.' }
  return undefined
}

function joined(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

/**
 * The value as a JSON column can keep it: dots in keys escaped, since a column reads `{"a.b":2}` as `{"a":{"b":2}}`.
 * Total for whatever `weigh` passed; what needs no change is returned as it is.
 */
export function storable(value: unknown): Json {
  if (typeof value !== 'object' || value === null) return value as Json
  return Array.isArray(value) ? storableList(value) : storableObject(value)
}

function storableList(items: readonly unknown[]): Json[] {
  let changed: Json[] | undefined
  for (let i = 0; i < items.length; i++) {
    const kept = storable(items[i])
    if (kept !== items[i]) changed ??= items.slice() as Json[]
    if (changed) changed[i] = kept
  }
  return changed ?? (items as Json[])
}

function storableObject(value: object): { [key: string]: Json } {
  let entries: [string, Json][] | undefined
  let index = 0
  for (const key in value) {
    const inner = (value as Record<string, Json>)[key] as Json
    const kept = storable(inner)
    if (kept !== inner || needsEscape(key)) {
      entries ??= Object.entries(value)
      entries[index] = [escapeKey(key), kept]
    }
    index++
  }
  return entries ? Object.fromEntries(entries) : (value as { [key: string]: Json })
}

function needsEscape(key: string): boolean {
  return key.includes('.') || key.includes('%2')
}

/** `a.b` → `a%2Eb`; a `%2E` or `%25` that was there keeps its meaning. One to one, and undone by `unescapeKey`. */
export function escapeKey(key: string): string {
  return needsEscape(key) ? key.replace(/%(?=2[5E])/g, '%25').replaceAll('.', '%2E') : key
}

export function unescapeKey(key: string): string {
  return key.replace(/%2[5E]/g, sign => (sign === '%2E' ? '.' : '%'))
}

/** A stored value with its keys as they were sent. */
export function unescapeKeys<T extends Json>(value: T): T
export function unescapeKeys(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(item => unescapeKeys(item))
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [unescapeKey(key), unescapeKeys(inner)]))
}
