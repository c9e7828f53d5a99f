import type { CanonicalEvent, Json } from './event.ts'
import type { Standalone } from './format.ts'

/** An item as it is kept outside the log: everything it takes to send it again. */
export type KeptItem = {
  format: string
  form: string
  channel: CanonicalEvent['channel']
  ip: string
  message: Json
  /** The message holds less than what came: it can only be sent again corrected. */
  cut?: true
}

export function keptItem({ format, channel, ip }: Pick<KeptItem, 'format' | 'channel' | 'ip'>, { form, message }: Standalone): KeptItem {
  const kept = keepable(message)
  return { format, form, channel, ip, message: kept, ...(kept === message ? {} : { cut: true }) }
}

/** Deeper than anything that is taken, and shallow enough for every recursion. */
const keptDepth = 64

/** The value with what JSON text cannot hold replaced by words: numbers beyond all bounds, and what is nested too deep. The same value where there is none. */
export function keepable(value: Json, depth = keptDepth): Json {
  if (typeof value === 'number') return Number.isFinite(value) ? value : 'a number beyond all bounds'
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return 'nested too deep to be kept'
  const kept = Array.isArray(value)
    ? value.map(inner => keepable(inner, depth - 1))
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, keepable(inner, depth - 1)]))
  const before = Object.values(value)
  return Object.values(kept).every((inner, index) => inner === before[index]) ? value : kept
}
