import type { ValueType } from '../mapping/mapping.ts'
import { readAnyMoment } from '../mapping/moments.ts'
import { booleanFrom, numberFrom } from '../mapping/values.ts'
import type { RowBlock } from '../readers/rows.ts'

/** What the first rows show of a column. */
export interface ObservedColumn {
  name: string
  /** The type that every value has; `string` where they differ. */
  type: ValueType
  /** Rows with a value. */
  filled: number
  /** How many different values there are, up to the limit. */
  distinct: number
  /** Different values, where there are few. */
  values: string[]
  /** Day and month cannot be told apart: 03/04/2024. */
  isAmbiguousDate: boolean
  /** Numbers that look like a name of something: a leading zero, or more than eleven digits. */
  isCode: boolean
}

const fewValues = 30

/** @param rows how many of the block are looked at */
export function observe(block: RowBlock | undefined, header: readonly string[], rows = 1000): ObservedColumn[] {
  return header.map((name, column) => {
    const values: unknown[] = []
    for (let row = 0; row < Math.min(block?.count ?? 0, rows); row++) {
      if (block?.faultOf(row)) continue
      const cell = block?.cell(row, column)
      const value = typeof cell === 'string' ? cell.trim() : cell
      if (value !== undefined && value !== null && value !== '' && value !== 'NULL' && value !== '\\N') values.push(value)
    }
    return observed(name, values)
  })
}

function observed(name: string, values: readonly unknown[]): ObservedColumn {
  const texts = values.map(value => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
  const different = [...new Set(texts)]
  const all = (holds: (text: string) => boolean) => texts.length > 0 && different.every(holds)
  const isCode = different.some(text => /^0\d/.test(text) || /^\d{12,}$/.test(text))
  return {
    name,
    type: typeOf(values, all, isCode),
    filled: texts.length,
    distinct: different.length,
    values: different.slice(0, fewValues),
    isAmbiguousDate: all(text => /^\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b/.test(text)),
    isCode,
  }
}

function typeOf(values: readonly unknown[], all: (holds: (text: string) => boolean) => boolean, isCode: boolean): ValueType {
  if (values.length === 0) return 'string'
  if (values.every(value => typeof value === 'object')) return 'json'
  if (values.every(value => typeof value === 'boolean')) return 'boolean'
  if (all(text => /^[[{].*[\]}]$/s.test(text) && isJson(text))) return 'json'
  if (all(text => /\D/.test(text) && readAnyMoment(text) !== undefined)) return all(text => text.length <= 11) ? 'date' : 'datetime'
  if (all(text => numberFrom(text, '.') !== undefined)) return isCode ? 'string' : 'number'
  return all(text => booleanFrom(text) !== undefined) ? 'boolean' : 'string'
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
