import {
  elements,
  entries,
  nothing,
  openObject,
  plainString,
  quote,
  space,
  stands,
  unsure,
  value,
  wholeNumber,
  word,
} from '../json-bytes.ts'
import { latestTime } from '../timestamp.ts'
import { maxIdLength } from './identifiers.ts'
import { maxItems } from './request.ts'

/** Bytes of an item, or of the context around items, that are within the limits however they are written anew (three for one). */
const surelySmall = (32 * 1024) / 3
const surelySmallContext = (8 * 1024) / 3
const maxNameBytes = 255

/** For every later arrival, times between 2000 and 2099 stay within what the stores hold, whatever the senders’ clocks. */
const earliestArrival = Date.UTC(2000, 0, 1)

/**
 * How many messages a request has where a look at its bytes shows that every one of them is to be taken; 0 where it takes the
 * careful look of `itemsOf` and `checkMessage`. Nearly all requests are like this, and JSON.parse is most of what they cost.
 * Whatever is counted here, they count and let pass, too: `fuzz.test.ts` holds it.
 */
export function countSound(bytes: Uint8Array, form: string, receivedAt: number): number {
  if (receivedAt < earliestArrival || receivedAt > latestTime) return 0
  const batched = form === 'batch' || form === 'import'
  const seen = batched ? soundBatch(bytes) : { count: 1, end: soundMessage(bytes, space(bytes, 0), form) }
  return seen.end !== unsure && space(bytes, seen.end) === bytes.length ? seen.count : 0
}

const names = {
  batch: word('"batch"'),
  context: word('"context"'),
  sentAt: word('"sentAt"'),
  type: word('"type"'),
  event: word('"event"'),
  userId: word('"userId"'),
  anonymousId: word('"anonymousId"'),
  previousId: word('"previousId"'),
  groupId: word('"groupId"'),
  messageId: word('"messageId"'),
  timestamp: word('"timestamp"'),
  originalTimestamp: word('"originalTimestamp"'),
  properties: word('"properties"'),
  traits: word('"traits"'),
}

function soundBatch(bytes: Uint8Array): { count: number; end: number } {
  let count = 0
  const item = (at: number) => (++count > maxItems ? unsure : soundMessage(bytes, at, undefined))
  const end = entries(bytes, space(bytes, 0), (name, at) => {
    if (stands(bytes, name, names.batch)) return count > 0 ? unsure : elements(bytes, at, item)
    if (stands(bytes, name, names.context)) return sharedContext(bytes, at)
    return stands(bytes, name, names.sentAt) ? momentOrNull(bytes, at) : value(bytes, at)
  })
  return { count, end: count === 0 ? unsure : end }
}

function sharedContext(bytes: Uint8Array, at: number): number {
  const end = objectOrNull(bytes, at)
  return end - at <= surelySmallContext ? end : unsure
}

/** Fields of a message that have to be there, or one of which has. */
const event = 1
const userId = 2
const anonymousId = 4
const previousId = 8
const groupId = 16
const knownType = 32

/** @param form the type of a single message; undefined for an item of a batch, which says it itself */
function soundMessage(bytes: Uint8Array, at: number, form: string | undefined): number {
  let there = form === undefined ? 0 : knownType
  let needed = form === undefined ? knownType : (neededBy[form] ?? knownType)
  /** The last of several equal keys counts. */
  const id = (field: number, begins: number): number => {
    const end = idOrNothing(bytes, begins)
    there = isNothing(bytes, begins) ? there & ~field : there | field
    return end
  }
  const end = entries(bytes, at, (name, begins) => {
    switch (bytes[name + 1]) {
      case 97: // a
        return stands(bytes, name, names.anonymousId) ? id(anonymousId, begins) : value(bytes, begins)
      case 99: // c
        return stands(bytes, name, names.context) ? objectOrNull(bytes, begins) : value(bytes, begins)
      case 101: // e
        if (!stands(bytes, name, names.event)) return value(bytes, begins)
        there |= event
        return eventName(bytes, begins)
      case 103: // g
        return stands(bytes, name, names.groupId) ? id(groupId, begins) : value(bytes, begins)
      case 109: // m
        return stands(bytes, name, names.messageId) ? shortText(bytes, begins, maxNameBytes) : value(bytes, begins)
      case 111: // o
        return stands(bytes, name, names.originalTimestamp) ? momentOrNull(bytes, begins) : value(bytes, begins)
      case 112: // p
        if (stands(bytes, name, names.previousId)) return id(previousId, begins)
        return stands(bytes, name, names.properties) ? objectOrNull(bytes, begins) : value(bytes, begins)
      case 115: // s
        return stands(bytes, name, names.sentAt) ? momentOrNull(bytes, begins) : value(bytes, begins)
      case 116: // t
        if (stands(bytes, name, names.timestamp)) return momentOrNull(bytes, begins)
        if (stands(bytes, name, names.traits)) return objectOrNull(bytes, begins)
        if (form !== undefined || !stands(bytes, name, names.type)) return value(bytes, begins)
        there |= knownType
        needed = neededAt(bytes, begins)
        return needed === unsure ? unsure : plainString(bytes, begins)
      case 117: // u
        return stands(bytes, name, names.userId) ? id(userId, begins) : value(bytes, begins)
      default:
        return value(bytes, begins)
    }
  })
  const isSomebodys = (there & (userId | anonymousId)) !== 0
  return isSomebodys && (there & needed) === needed && end - at <= surelySmall ? end : unsure
}

const neededBy: Record<string, number> = {
  track: knownType | event,
  identify: knownType,
  page: knownType,
  screen: knownType,
  group: knownType | groupId,
  alias: knownType | previousId,
}
const types = Object.entries(neededBy).map(([type, needed]) => ({ type: word(`"${type}"`), needed }))

function neededAt(bytes: Uint8Array, at: number): number {
  for (const { type, needed } of types) if (stands(bytes, at, type)) return needed
  return unsure
}

function objectOrNull(bytes: Uint8Array, at: number): number {
  return bytes[at] === openObject || stands(bytes, at, nothing) ? value(bytes, at) : unsure
}

function shortText(bytes: Uint8Array, at: number, most: number): number {
  if (bytes[at] !== quote) return unsure
  const end = plainString(bytes, at)
  return end - at - 2 <= most ? end : unsure
}

/** Begins with a visible ASCII character but `$`, or one of those from U+4000 to U+9FFF: so it is neither blank nor reserved. */
function eventName(bytes: Uint8Array, at: number): number {
  const first = bytes[at + 1] ?? 0
  const isVisible = first > 32 && first < 127 && first !== 36 && first !== quote
  return isVisible || (first >= 0xe4 && first <= 0xe9) ? shortText(bytes, at, maxNameBytes) : unsure
}

function isNothing(bytes: Uint8Array, at: number): boolean {
  return stands(bytes, at, nothing) || (bytes[at] === quote && bytes[at + 1] === quote)
}

function idOrNothing(bytes: Uint8Array, at: number): number {
  if (isNothing(bytes, at)) return value(bytes, at)
  if (bytes[at] !== quote) return wholeNumber(bytes, at)
  const first = bytes[at + 1] ?? 0
  return first > 32 && first < 127 ? shortText(bytes, at, maxIdLength) : unsure
}

/** `2026-10-01T08:00:00.000Z` of this century, or null. */
function momentOrNull(bytes: Uint8Array, at: number): number {
  if (stands(bytes, at, nothing)) return at + 4
  if (!stands(bytes, at, century) || bytes[at + 25] !== quote) return unsure
  for (const [place, sign] of signs) if (bytes[at + place] !== sign) return unsure
  const isDay = two(bytes, at + 9) >= 1 && two(bytes, at + 9) <= (daysIn[two(bytes, at + 6)] ?? 0)
  const isTime = two(bytes, at + 12) <= 23 && two(bytes, at + 15) <= 59 && two(bytes, at + 18) <= 59
  const isWhole = two(bytes, at + 3) >= 0 && two(bytes, at + 21) >= 0 && two(bytes, at + 22) >= 0
  return isDay && isTime && isWhole ? at + 26 : unsure
}

const century = word('"20')
/** Between the digits, counted from the quote. */
const signs = [5, 8, 11, 14, 17, 20, 24].map((place, index) => [place, '--T::.Z'.charCodeAt(index)] as const)
/** Without 29 February: that day takes the careful look. */
const daysIn = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** NaN where these are not two digits: no comparison holds. */
function two(bytes: Uint8Array, at: number): number {
  const [tens, ones] = [(bytes[at] ?? 0) - 48, (bytes[at + 1] ?? 0) - 48]
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}
