import type { Json } from '../collect/event.ts'
import { showsPersonal } from './personal.ts'
import { namesPerson } from './personal-keys.ts'

/** The types that a value is told apart by, as they are counted. */
export const types = ['text', 'date', 'number', 'boolean', 'list', 'object', 'null'] as const
export type ObservedType = (typeof types)[number]

/** One property or trait: what was seen of it since it was last written. */
export interface Seen {
  /** The property's path, the trait's key. */
  readonly path: string
  /** Its last step: what the key says of its values. */
  readonly key: string
  /** By the order of `types`. */
  readonly counts: number[]
  total: number
  firstSeen: number
  lastSeen: number
  examples: string[]
  /** Of `examples`, how many are written. */
  written: number
  /** How many more values are looked at for examples. */
  tries: number
}

export const examplesAtMost = 5
const exampleLength = 32
const triesAtMost = 200
const freeText =
  /comment|remark|message|note|content|descri|feedback|search|query|keyword|reason|answer|review|memo|备注|留言|评论|内容|描述|反馈|搜索|关键词|原因|诉求|主诉/i

/** Whether values of such a key can be shown: they are no free text, and name nobody. */
export function isShowable(key: string): boolean {
  return !freeText.test(key) && !namesPerson(key) && !showsPersonal(key, '')
}

export function newSeen(path: string, key: string): Seen {
  return {
    path,
    key,
    counts: types.map(() => 0),
    total: 0,
    firstSeen: 0,
    lastSeen: 0,
    examples: [],
    written: 0,
    tries: isShowable(key) ? triesAtMost : 0,
  }
}

/** Counts values by the place of their type; true when they are the first since the last writing. */
export function count(seen: Seen, type: number, of: { times: number; firstSeen: number; lastSeen: number }): boolean {
  const isFirst = seen.total === 0
  seen.counts[type] = (seen.counts[type] ?? 0) + of.times
  seen.total += of.times
  seen.firstSeen = isFirst ? of.firstSeen : Math.min(seen.firstSeen, of.firstSeen)
  seen.lastSeen = isFirst ? of.lastSeen : Math.max(seen.lastSeen, of.lastSeen)
  return isFirst
}

/** Keeps a short value as an example, as long as some are wanted. */
export function offer(seen: Seen, value: string | number): void {
  seen.tries--
  const text = String(value)
  if (text.length === 0 || text.length > exampleLength || seen.examples.includes(text) || showsPersonal(seen.key, text)) return
  if (!text.isWellFormed() || text.includes('\0')) return
  seen.examples.push(text)
  if (seen.examples.length >= examplesAtMost) seen.tries = 0
}

/** No more examples: it was marked. */
export function forgetExamples(seen: Seen): void {
  seen.examples = []
  seen.written = 0
  seen.tries = 0
}

/** The place of the value's type in `types`. */
export function typeOf(value: Json): number {
  if (typeof value === 'string') return looksLikeDate(value) ? 1 : 0
  if (typeof value === 'number') return 2
  if (typeof value === 'boolean') return 3
  if (value === null) return 6
  return Array.isArray(value) ? 4 : 5
}

/** `2026-10-01`, and with a time behind. */
function looksLikeDate(text: string): boolean {
  if (text.length < 10 || text.length > 35 || text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return false
  return /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text)
}
