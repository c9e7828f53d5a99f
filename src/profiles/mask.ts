import type { Json } from '../collect/event.ts'
import { sortOfKey } from '../dictionary/personal-keys.ts'
import { maskOf as maskIdentifier } from '../identity/mask.ts'

/** A personal trait as it may be shown to somebody without permission to see it. */
export function maskOf(key: string, value: Json): Json {
  if (typeof value === 'string') return maskText(sortOfKey(key, 'person'), value)
  return value === null || typeof value === 'boolean' ? value : '****'
}

function maskText(sort: string | undefined, value: string): string {
  if (sort === 'phone' || sort === 'email') return maskIdentifier(sort, value)
  if (sort === 'birthday') return value.replace(/^\d{4}/, '****').replace(/\d{1,2}(?=\D*$)/, '**')
  const [first = ''] = [...value]
  return `${first}${'*'.repeat(Math.min(4, Math.max(1, [...value].length - 1)))}`
}
