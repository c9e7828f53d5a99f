import type { Json } from './event.ts'

/** Fields of a message whose values say nothing about a person. */
const plain = new Set(['type', 'event', 'timestamp', 'originalTimestamp', 'sentAt', 'format', 'form', 'channel'])

/** The shape of a value without what it says: enough to see why it was not taken. */
export function masked(value: Json): Json {
  if (typeof value === 'string') return `text, ${value.length} characters`
  if (typeof value === 'number') return 'number'
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(masked)
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, plain.has(key) && typeof inner === 'string' ? inner : masked(inner)]),
  )
}
