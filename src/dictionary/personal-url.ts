import { isPersonal, sortOfKey } from './personal-keys.ts'
import { type Hide, hideInText, lookAt, seen } from './personal-text.ts'

const nestedAtMost = 3
const clean = new Set<string>()
const cleanAtMost = 10_000

/**
 * Text with addresses in it, without the personal data in their path, query, fragment and user part.
 * What it does not change stays byte for byte. Addresses without any are remembered: pages repeat.
 */
export function hideInUrls(text: string, hide: Hide, depth = 0): string {
  if (clean.has(text)) return text
  if (depth >= nestedAtMost) return hide('marked', text)
  const result = text.replace(/\S+/g, word => (lookAt(word) & seen.url ? hideInUrl(word, hide, depth) : word))
  if (result !== text || text.length > 500) return result
  if (clean.size >= cleanAtMost) clean.clear()
  clean.add(text)
  return text
}

function hideInUrl(url: string, hide: Hide, depth: number): string {
  return url
    .replace(/^([a-z][\w+.-]*:\/\/)[^/?#\s]*@/i, '$1')
    .split(/([/?&#;])/)
    .map(part => (part.includes('=') ? parameter(part, hide, depth) : segment(part, hide, depth)))
    .join('')
}

function parameter(part: string, hide: Hide, depth: number): string {
  const equals = part.indexOf('=')
  const key = part.slice(0, equals)
  const value = part.slice(equals + 1)
  const sort = sortOfKey(decoded(key), 'query')
  if (value === '') return `${segment(key, hide, depth)}=`
  if (sort === 'secret') return `${key}=`
  if (isPersonal(sort) && !/^(true|false|[01]|h:[0-9a-f]{16})$/.test(value)) return `${key}=${hide(sort, decoded(value))}`
  return `${segment(key, hide, depth)}=${segment(value, hide, depth, sort === 'thing')}`
}

/** A value is looked at as it stands and as it decodes; when either holds something, the decoded one is kept, cleaned. */
function segment(text: string, hide: Hide, depth: number, opaque = false): string {
  const clear = decoded(text)
  const cleaned = clear !== text && lookAt(clear) & seen.url ? hideInUrls(clear, hide, depth + 1) : hideInText(clear, hide, opaque)
  return cleaned === clear ? text : encodeURI(cleaned).replace(/[&#]/g, encodeURIComponent)
}

function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  try {
    return decodeURIComponent(text.includes('%') || !/^\+\d/.test(text) ? text.replaceAll('+', ' ') : text)
  } catch {
    return text
  }
}
