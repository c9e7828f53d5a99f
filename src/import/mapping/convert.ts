import type { Json } from '../../collect/event.ts'
import { maxDepth, storable, unrepresentable } from '../../collect/representable.ts'
import type { TypedKey, ValueType } from './mapping.ts'
import { momentFormat, momentOf } from './moments.ts'
import { booleanFrom, numberFrom } from './values.ts'
import { zoneNamed } from './zone.ts'

/** A cell as the mapping's type has it; `unreadable` where it is not of that type. The cell is never empty. */
export type Convert = (cell: Exclude<Json, null>) => Exclude<Json, null> | typeof unreadable
export const unreadable: unique symbol = Symbol('unreadable')

/** What is expected, for the sentence that refuses a row. */
export const expected: Record<ValueType, string> = {
  string: 'text',
  number: 'a number',
  boolean: 'yes or no',
  date: 'a date that exists, in the format that the mapping names',
  datetime: 'a date and time that exist, in the format that the mapping names',
  json: 'JSON',
}

/** @param fallback what holds for the whole mapping where the column says nothing */
export function converter(target: TypedKey, fallback: { decimal: '.' | ','; zone: string }): Convert {
  const convert = byType(target, fallback)
  const { values } = target
  if (!values) return convert
  return cell => {
    const text = textFrom(cell)
    return text !== undefined && Object.hasOwn(values, text) ? (values[text] as string | number | boolean) : convert(cell)
  }
}

function byType(target: TypedKey, fallback: { decimal: '.' | ','; zone: string }): Convert {
  switch (target.type) {
    case 'string':
      return text
    case 'number':
      return numbers(target.decimal ?? fallback.decimal)
    case 'boolean':
      return cell => (typeof cell === 'boolean' ? cell : (booleanFrom(textFrom(cell) ?? '') ?? unreadable))
    case 'date':
      return dates(target)
    case 'datetime':
      return moments(target, fallback.zone)
    case 'json':
      return json
  }
}

function numbers(decimal: '.' | ','): Convert {
  return cell => {
    const value = typeof cell === 'number' ? cell : typeof cell === 'string' ? numberFrom(cell, decimal) : undefined
    return value !== undefined && Math.abs(value) < 2 ** 63 ? value : unreadable
  }
}

/** The day as it is written, whatever the zone. */
function dates({ format }: TypedKey): Convert {
  const read = momentFormat(format)
  return cell => {
    const written = read(textFrom(cell) ?? '')
    return written ? new Date(written.wallMs).toISOString().slice(0, 10) : unreadable
  }
}

function moments({ format, zone }: TypedKey, fallback: string): Convert {
  const read = momentFormat(format)
  const clock = zoneNamed(zone ?? fallback)
  return cell => {
    const written = read(textFrom(cell) ?? '')
    return written ? new Date(momentOf(written, clock)).toISOString() : unreadable
  }
}

const text: Convert = cell => {
  const value = textFrom(cell)
  return value?.isWellFormed() ? value : unreadable
}

const json: Convert = cell => {
  try {
    const value = typeof cell === 'string' ? (JSON.parse(cell) as Json) : cell
    if (value === null || unrepresentable(value, '', maxDepth - 1)) return unreadable
    return storable(value) as Exclude<Json, null>
  } catch {
    return unreadable
  }
}

/** Undefined for lists and objects, and for whole numbers that JSON has already rounded: those must come as text. */
export function textFrom(cell: Json | undefined): string | undefined {
  if (typeof cell === 'string') return cell
  if (typeof cell === 'boolean') return String(cell)
  return typeof cell === 'number' && (!Number.isInteger(cell) || Number.isSafeInteger(cell)) ? String(cell) : undefined
}
