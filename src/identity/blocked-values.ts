import { blockedEverywhere } from './namespaces.ts'

/** Tells whether a normalised value is nobody's: a filler by form, or listed. Linear in the length of the value, whatever the patterns. */
export function blockedBy(patterns: readonly string[]): (value: string) => boolean {
  const all = [...blockedEverywhere, ...patterns].map(pattern => pattern.toLowerCase())
  const exact = new Set(all.filter(pattern => !pattern.includes('*')))
  const globs = all.filter(pattern => pattern.includes('*')).map(pattern => pattern.split('*'))
  return value => {
    const lower = value.toLowerCase()
    return isFiller(lower) || exact.has(lower) || globs.some(parts => matches(parts, lower))
  }
}

/** Zeros, dashes, dots and the like only: `0`, `000-000`, `-`, `00000000-0000-0000-0000-000000000000`, `?`. */
function isFiller(value: string): boolean {
  return /^[0\-_.:/\\*?#\s]+$/.test(value)
}

/** `parts` are what stands between the stars; leftmost matches suffice, so there is no backtracking. */
function matches(parts: readonly string[], value: string): boolean {
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false
  let at = first.length
  const end = value.length - last.length
  for (const part of parts.slice(1, -1)) {
    const found = value.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
