import type { Json } from '../collect/event.ts'
import { booleanFrom, numberFrom } from '../import/mapping/values.ts'
import type { EntityKind } from './kinds.ts'

export type CellType = 'text' | 'number' | 'boolean' | 'list' | 'json'

/** What each column of a table holds: as the kind says, else as all of the sample's values are. */
export function columnTypes(header: readonly string[], sample: readonly (readonly string[])[], kind: EntityKind): CellType[] {
  return header.map((column, index) => {
    if (column === 'tags') return 'json'
    if (['id', 'zh', 'en', 'status', 'until'].includes(column)) return 'text'
    const declared = kind.attributes?.[column]?.type
    if (declared === 'number' || declared === 'boolean' || declared === 'list') return declared
    return declared ? 'text' : guessed(sample.map(row => row[index]?.trim() ?? '').filter(text => text !== ''))
  })
}

/** `007` and `1.50` stay text: they would not come back as they were. */
function guessed(texts: readonly string[]): CellType {
  if (texts.length === 0) return 'text'
  if (texts.every(text => String(Number(text)) === text)) return 'number'
  if (texts.every(text => text === 'true' || text === 'false')) return 'boolean'
  return texts.every(text => text.startsWith('[') && text.endsWith(']')) ? 'list' : 'text'
}

/** The value of a cell: null where there is none, undefined where it is not of the type. */
export function cellValue(text: string, type: CellType): Json | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return null
  return type === 'text' ? trimmed : read[type](trimmed)
}

const read: Record<Exclude<CellType, 'text'>, (text: string) => Json | undefined> = {
  number: text => numberFrom(text, '.'),
  boolean: booleanFrom,
  list: text => (text.startsWith('[') ? parsed(text) : text.split('|').map(item => item.trim())),
  json: parsed,
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}
