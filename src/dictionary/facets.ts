import type { Json } from '../collect/event.ts'
import { type KeySort, sortOfKey } from './personal-keys.ts'
import { canonical } from './personal-text.ts'

type Facets = Record<string, string | number>

/** Per sort of personal trait: the facets that it can have, and how they are read from a value. */
const readers: Partial<Record<KeySort, { facets: readonly string[]; read: (value: Json) => Facets }>> = {
  birthday: { facets: ['year', 'monthDay'], read: ofBirthday },
  phone: { facets: ['carrier'], read: ofPhone },
  email: { facets: ['domain'], read: ofEmail },
  address: { facets: ['country', 'province', 'state', 'city'], read: ofAddress },
}

/**
 * What rules may know of a personal trait: a birthday's year and its month and day, a phone's carrier, an e-mail's domain, an address's city.
 * Keys are the trait's own with the facet behind: `birthday.year`. A value that does not read as what its key says has none.
 */
export function facetsOf(key: string, value: Json): Facets {
  const facets = readers[sortOfKey(key, 'person')]?.read(value) ?? {}
  return Object.fromEntries(Object.entries(facets).map(([facet, known]) => [`${key}.${facet}`, known]))
}

/** Every key that `facetsOf` can give for this one: what is unset with it. */
export function facetKeysOf(key: string): string[] {
  return (readers[sortOfKey(key, 'person')]?.facets ?? []).map(facet => `${key}.${facet}`)
}

function ofBirthday(value: Json): Facets {
  const match = typeof value === 'string' ? /^(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})(日|[T ].*)?$/.exec(value.trim()) : null
  if (!match) return {}
  const [year, month, day] = match.slice(1, 4).map(Number) as [number, number, number]
  const date = new Date(Date.UTC(year, month - 1, day))
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && year >= 1870
  return exists ? { year, monthDay: `${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}` } : {}
}

/** Number ranges of the Chinese carriers, virtual operators as their own; ported numbers keep their first carrier. */
const carriers: readonly (readonly [string, RegExp])[] = [
  ['virtual', /^1(6[257]|7[01])/],
  ['mobile', /^1(3[4-9]|4[78]|5[0-27-9]|72|78|8[2-478]|9[578])/],
  ['unicom', /^1(3[0-2]|4[56]|5[56]|66|7[56]|8[56]|96)/],
  ['telecom', /^1(33|49|53|7[347]|8[019]|9[0139])/],
  ['broadnet', /^192/],
]

function ofPhone(value: Json): Facets {
  const phone = typeof value === 'string' || typeof value === 'number' ? canonical('phone', String(value)) : ''
  const carrier = phone.startsWith('+86') && carriers.find(([, range]) => range.test(phone.slice(3)))?.[0]
  return carrier ? { carrier } : {}
}

function ofEmail(value: Json): Facets {
  const domain = typeof value === 'string' ? /@([\p{L}\d.-]+\.\p{L}{2,24})$/u.exec(canonical('email', value))?.[1] : undefined
  return domain ? { domain } : {}
}

function ofAddress(value: Json): Facets {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return {}
  const known = (['country', 'province', 'state', 'city'] as const).flatMap(part =>
    typeof value[part] === 'string' ? [[part, value[part]] as const] : [],
  )
  return Object.fromEntries(known)
}
