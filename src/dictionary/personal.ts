import { isIPv4, isIPv6 } from 'node:net'
import type { CanonicalEvent, Json, JsonObject, TraitChange } from '../collect/event.ts'
import { isTagTrait } from '../collect/tag-trait.ts'
import type { BlindIndex } from '../privacy/keys.ts'
import type { MarkedPath, Marks } from './marks.ts'
import { isPersonal, type KeySort, type PersonalSort, type Place, placeInside, sortOfKey } from './personal-keys.ts'
import { canonical, type Hide, hideInText, lookAt, seen, sortOfNumber } from './personal-text.ts'
import { hideInUrls } from './personal-url.ts'

export type BlindIndexOf = (namespace: string, value: string) => BlindIndex

/**
 * The event without personal data in its name, message id, properties, context and safe traits: known keys at any depth, and phones, e-mail
 * addresses, identity numbers and bank cards in any text, key or address. What stood there is `h:` and 16 hexadecimal digits of its keyed hash;
 * passwords and tokens are dropped. Identifiers and personal traits (`isPersonalTrait`) stay as they are: those who seal them need them.
 * An event without any comes back as the same object.
 */
export function redact(event: CanonicalEvent, blindIndex: BlindIndexOf, marks: Marks): CanonicalEvent {
  const hide = hiderWith(blindIndex)
  const name = hideInString(event.event, hide)
  const messageId = hideInString(event.messageId, hide)
  const marked = marks.ofEvent(event.event)
  const props = marked?.mark?.personal
    ? (hideAll(event.props, 'marked', hide) as JsonObject)
    : cleanObject(event.props, 'thing', marked, hide)
  const context = cleanObject(event.context, 'context', undefined, hide)
  const traits = event.traits.length === 0 ? event.traits : cleanTraits(event.traits, hide, marks)
  const same =
    name === event.event && messageId === event.messageId && props === event.props && context === event.context && traits === event.traits
  return same ? event : { ...event, event: name, messageId, props, context, traits }
}

/** A personal trait is kept sealed in PostgreSQL; ClickHouse gets `hiddenTrait` and the facets. */
export function isPersonalTrait(key: string, marks: Marks): boolean {
  if (isTagTrait(key)) return false
  return marks.ofTrait(key)?.personal ?? isPersonal(sortOfKey(key, 'person'))
}

/** What stands for a personal trait's value outside of PostgreSQL, and for a rule's value that is compared with it. */
export function hiddenTrait(key: string, value: Json, blindIndex: BlindIndexOf): Json {
  const sort = sortOfKey(key, 'person')
  return hideAll(value, isPersonal(sort) ? sort : 'marked', hiderWith(blindIndex))
}

/** Whether text or a key shows personal data, for those that must not repeat it (examples, messages). */
export function showsPersonal(key: string, value: string): boolean {
  const sort = sortOfKey(key, 'person')
  return isPersonal(sort) || sort === 'secret' || hashed.test(value) || hideInString(value, () => '') !== value
}

/** `a@b.cn` */
const shortestPersonal = 6
const hashed = /^h:[0-9a-f]{16}$/

/** Hidden values are remembered for a while: the same person sends many events. */
function hiderWith(blindIndex: BlindIndexOf): Hide {
  const known = hiders.get(blindIndex)
  if (known) return known
  const hidden = new Map<string, string>()
  const hide: Hide = (sort, value) => {
    const name = `${sort} ${value}`
    const remembered = hidden.get(name)
    if (remembered) return remembered
    const instead = `h:${BigInt.asUintN(64, blindIndex(sort, canonical(sort, value)).hash)
      .toString(16)
      .padStart(16, '0')}`
    if (hidden.size >= 10_000) hidden.clear()
    hidden.set(name, instead)
    return instead
  }
  hiders.set(blindIndex, hide)
  return hide
}

const hiders = new WeakMap<BlindIndexOf, Hide>()

function cleanTraits(traits: TraitChange[], hide: Hide, marks: Marks): TraitChange[] {
  const cleaned = traits.flatMap(change => {
    if (isTagTrait(change.key)) return [withoutPersonal(change, hide)]
    if (sortOfKey(change.key, 'person') === 'secret') return []
    if (change.op === 'unset' || isPersonalTrait(change.key, marks) || marks.ofTrait(change.key)?.personal === false) return [change]
    const value = cleanChild(change.key, change.value, 'person', undefined, hide)
    return value === undefined || value === null ? [] : value === change.value ? [change] : [{ ...change, value }]
  })
  return cleaned.length === traits.length && cleaned.every((change, index) => change === traits[index]) ? traits : cleaned
}

/** The name of a tag says nothing of what its value is; what looks personal in that is hidden all the same. */
function withoutPersonal(change: TraitChange, hide: Hide): TraitChange {
  if (change.op === 'unset') return change
  const value = cleanValue(change.value, 'thing', 'thing', undefined, hide)
  return value === change.value || value === null ? change : { ...change, value }
}

function cleanObject(object: JsonObject, place: Place, marked: MarkedPath | undefined, hide: Hide): JsonObject {
  let copy: JsonObject | undefined
  for (const key in object) {
    const value = object[key] as Json
    const cleaned = cleanChild(key, value, place, marked?.inside.get(key), hide)
    const cleanKey = key.length < shortestPersonal ? key : hideInString(key, hide)
    if (cleaned === value && cleanKey === key) continue
    copy ??= { ...object }
    if (cleaned === undefined || cleanKey !== key) delete copy[key]
    if (cleaned !== undefined) define(copy, cleanKey, cleaned)
  }
  return copy ?? object
}

/** Undefined drops it. */
function cleanChild(key: string, value: Json, place: Place, marked: MarkedPath | undefined, hide: Hide): Json | undefined {
  if (value === null || typeof value === 'boolean') return value
  if (marked?.mark?.personal !== undefined) return marked.mark.personal ? hideAll(value, 'marked', hide) : value
  const sort = sortOfKey(key, place)
  if (sort === 'plain' || sort === 'thing' || sort === 'quantity')
    return cleanValue(value, sort, placeInside(key, sort, place), marked, hide)
  if (sort === 'secret') return undefined
  if (sort === 'address' && typeof value === 'object' && !Array.isArray(value)) return cleanObject(value, 'address', marked, hide)
  if (isPersonal(sort)) return isWorthHiding(sort, value) ? hideAll(value, sort, hide) : cleanValue(value, sort, place, marked, hide)
  if (sort === 'network') return typeof value === 'string' ? networkOf(value) : value
  if (sort === 'coordinate') return typeof value === 'number' ? Math.round(value * 10) / 10 : undefined
  if (typeof value === 'string' && chineseName.test(value)) return hide('name', value)
  return cleanValue(value, sort, 'person', marked, hide)
}

function cleanValue(value: Json, sort: KeySort, place: Place, marked: MarkedPath | undefined, hide: Hide): Json {
  if (typeof value === 'string') return hideInString(value, hide, sort === 'thing')
  if (typeof value === 'number') return value < 1.3e10 ? value : hideInNumber(value, sort, hide)
  if (value === null || typeof value === 'boolean') return value
  if (Array.isArray(value)) return cleanList(value, sort, place, marked, hide)
  return cleanObject(value, place, marked, hide)
}

function cleanList(list: Json[], sort: KeySort, place: Place, marked: MarkedPath | undefined, hide: Hide): Json[] {
  const items = marked?.inside.get('[]')
  if (items?.mark?.personal !== undefined) return items.mark.personal ? list.map(item => hideAll(item, 'marked', hide)) : list
  let copy: Json[] | undefined
  for (let index = 0; index < list.length; index++) {
    const item = list[index] as Json
    const cleaned = cleanValue(item, sort, place, items, hide)
    if (cleaned === item) continue
    copy ??= [...list]
    copy[index] = cleaned
  }
  return copy ?? list
}

function hideInString(text: string, hide: Hide, opaque = false): string {
  const first = text.charCodeAt(0)
  if ((first === 0x7b || first === 0x5b) && text.length > 2) return hideInJson(text, hide)
  const look = lookAt(text)
  if (look === 0) return text
  const found = look & seen.url ? hideInUrls(text, hide) : text
  return look === seen.url ? found : hideInText(found, hide, opaque)
}

function hideInJson(text: string, hide: Hide): string {
  try {
    const value = JSON.parse(text) as Json
    const cleaned = cleanValue(value, 'plain', 'thing', undefined, hide)
    return cleaned === value ? text : JSON.stringify(cleaned)
  } catch {
    return hideInText(hideInUrls(text, hide), hide)
  }
}

function hideInNumber(value: number, sort: KeySort, hide: Hide): Json {
  if (sort === 'thing' || sort === 'quantity') return value
  const found = sortOfNumber(value)
  return found ? hide(found, BigInt(value).toString()) : value
}

/** Everything inside hides: what a personal key holds, whatever its shape. */
function hideAll(value: Json, sort: PersonalSort, hide: Hide): Json {
  if (value === null || typeof value === 'boolean' || value === '') return value
  if (typeof value === 'string') return hashed.test(value) ? value : hide(sort, value)
  if (typeof value === 'number') return hide(sort, String(value))
  if (Array.isArray(value)) return value.map(item => hideAll(item, sort, hide))
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [hideInString(key, hide), hideAll(inner, sort, hide)]))
}

/** `phone: "iPhone 15"` is a product, not a number. */
function isWorthHiding(sort: PersonalSort, value: Json): boolean {
  if (typeof value === 'object') return true
  const text = String(value)
  if (sort === 'phone') return text.replace(/[^\d０-９]/g, '').length >= 5
  return sort === 'name' || sort === 'address' ? typeof value === 'string' : true
}

const chineseName = /^\p{Script=Han}{2,4}$/u

/** An IP address as its network (/24, /48): enough for a region, too little for a person. */
function networkOf(ip: string): string | undefined {
  if (isIPv4(ip)) return ip.replace(/\d+$/, '0')
  if (!isIPv6(ip)) return undefined
  const groups = (ip.split('::')[0] ?? '').split(':').filter(Boolean).slice(0, 3)
  return `${[...groups, '0', '0', '0'].slice(0, 3).join(':')}::`
}

/** Also for `__proto__`, which an assignment would swallow. */
function define(object: JsonObject, key: string, value: Json): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
}
