import {
  closeList,
  closeObject,
  closing,
  following,
  key,
  nothing,
  openList,
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
import { maxKeys } from '../representable.ts'
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
 * Whatever is counted here, the careful look counts and lets pass, too: `sound.test.ts` holds it.
 */
export function countSound(bytes: Uint8Array, form: string, receivedAt: number): number {
  if (receivedAt < earliestArrival || receivedAt > latestTime) return 0
  const start = space(bytes, 0)
  const seen = form === 'batch' || form === 'import' ? soundBatch(bytes, start) : { count: 1, end: soundMessage(bytes, start, form) }
  return seen.end !== unsure && space(bytes, seen.end) === bytes.length ? seen.count : 0
}

interface Seen {
  count: number
  end: number
}
const unsound: Seen = { count: 0, end: unsure }

const batch = word('"batch"')
const context = word('"context"')
const sentAt = word('"sentAt"')

function soundBatch(bytes: Uint8Array, start: number): Seen {
  if (bytes[start] !== openObject) return unsound
  let items: Seen | undefined
  let at = space(bytes, start + 1)
  for (;;) {
    const begins = key(bytes, at)
    if (begins === unsure) return unsound
    let end: number
    if (stands(bytes, at, batch)) {
      if (items) return unsound
      items = soundItems(bytes, begins)
      end = items.end
    } else if (stands(bytes, at, context)) end = sharedContext(bytes, begins)
    else end = stands(bytes, at, sentAt) ? momentOrNull(bytes, begins) : value(bytes, begins)
    if (end === unsure) return unsound
    const closed = closing(bytes, end, closeObject)
    if (closed !== unsure) return items ? { count: items.count, end: closed } : unsound
    at = following(bytes, end)
    if (at === unsure) return unsound
  }
}

function soundItems(bytes: Uint8Array, at: number): Seen {
  if (bytes[at] !== openList) return unsound
  let next = space(bytes, at + 1)
  for (let count = 1; count <= maxItems; count++) {
    const end = soundMessage(bytes, next, undefined)
    if (end === unsure) return unsound
    const closed = closing(bytes, end, closeList)
    if (closed !== unsure) return { count, end: closed }
    next = following(bytes, end)
    if (next === unsure) return unsound
  }
  return unsound
}

function sharedContext(bytes: Uint8Array, at: number): number {
  const end = objectOrNull(bytes, at)
  return end - at <= surelySmallContext ? end : unsure
}

// Fields that a message must have, or one of several.
const event = 1
const userId = 2
const anonymousId = 4
const previousId = 8
const groupId = 16
const knownType = 32
const needable = 63
const somebody = userId | anonymousId
// Fields that must look like something where they are.
const aMoment = 64
const anObject = 128
const aMessageId = 256
const anything = 0

/** @param form the type of a single message; undefined for an item of a batch, which says it itself */
function soundMessage(bytes: Uint8Array, at: number, form: string | undefined): number {
  if (bytes[at] !== openObject) return unsure
  let there = form === undefined ? 0 : knownType
  let needed = form === undefined ? knownType : (neededBy[form] ?? knownType)
  let next = space(bytes, at + 1)
  for (let keys = 0; keys < maxKeys; keys++) {
    const begins = key(bytes, next)
    if (begins === unsure) return unsure
    const field = fieldAt(bytes, next)
    const end = fieldEnd(bytes, begins, field, form)
    if (end === unsure) return unsure
    // The last of several equal keys counts.
    if ((field & needable) !== 0) there = isNothing(bytes, begins) ? there & ~field : there | field
    if (field === knownType && form === undefined) needed = neededAt(bytes, begins)
    const closed = closing(bytes, end, closeObject)
    if (closed !== unsure) return (there & somebody) !== 0 && (there & needed) === needed && closed - at <= surelySmall ? closed : unsure
    next = following(bytes, end)
    if (next === unsure) return unsure
  }
  return unsure
}

const names = {
  anonymousId,
  context: anObject,
  event,
  groupId,
  messageId: aMessageId,
  originalTimestamp: aMoment,
  previousId,
  properties: anObject,
  sentAt: aMoment,
  timestamp: aMoment,
  traits: anObject,
  type: knownType,
  userId,
}

interface Field {
  name: Uint8Array
  field: number
}

/** By the byte they begin with. */
const fields: readonly Field[][] = Array.from({ length: 256 }, (_, letter) =>
  Object.entries(names).flatMap(([name, field]) => (name.charCodeAt(0) === letter ? [{ name: word(`"${name}"`), field }] : [])),
)

function fieldAt(bytes: Uint8Array, at: number): number {
  const candidates = fields[bytes[at + 1] as number] as Field[]
  for (let i = 0; i < candidates.length; i++) {
    const { name, field } = candidates[i] as Field
    if (stands(bytes, at, name)) return field
  }
  return anything
}

/** Where the value of a field ends, if it looks as such a field must. */
function fieldEnd(bytes: Uint8Array, at: number, field: number, form: string | undefined): number {
  switch (field) {
    case anything:
      return value(bytes, at)
    case aMoment:
      return momentOrNull(bytes, at)
    case anObject:
      return objectOrNull(bytes, at)
    case aMessageId:
      return shortText(bytes, at, maxNameBytes)
    case event:
      return eventName(bytes, at)
    case knownType:
      return form !== undefined || neededAt(bytes, at) !== unsure ? value(bytes, at) : unsure
    default:
      return idOrNothing(bytes, at)
  }
}

const neededBy: Record<string, number> = {
  track: knownType | event,
  identify: knownType,
  page: knownType,
  screen: knownType,
  group: knownType | groupId,
  alias: knownType | previousId,
}
const types: readonly Field[] = Object.entries(neededBy).map(([type, field]) => ({ name: word(`"${type}"`), field }))

function neededAt(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < types.length; i++) {
    const { name, field } = types[i] as Field
    if (stands(bytes, at, name)) return field
  }
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
  if (!stands(bytes, at, century) || !hasSigns(bytes, at)) return unsure
  const day = two(bytes, at + 9)
  const isDay = day >= 1 && day <= (daysIn[two(bytes, at + 6)] ?? 0)
  const isTime = two(bytes, at + 12) <= 23 && two(bytes, at + 15) <= 59 && two(bytes, at + 18) <= 59
  const isWhole = two(bytes, at + 3) >= 0 && two(bytes, at + 21) >= 0 && two(bytes, at + 22) >= 0
  return isDay && isTime && isWhole ? at + 26 : unsure
}

const century = word('"20')
/** Without 29 February: that day takes the careful look. */
const daysIn = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** What stands between the digits, and the last quote. */
function hasSigns(bytes: Uint8Array, at: number): boolean {
  const isDate = bytes[at + 5] === 45 && bytes[at + 8] === 45 && bytes[at + 11] === 84
  return (
    isDate && bytes[at + 14] === 58 && bytes[at + 17] === 58 && bytes[at + 20] === 46 && bytes[at + 24] === 90 && bytes[at + 25] === quote
  )
}

/** NaN where these are not two digits: no comparison holds. */
function two(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] ?? 0) - 48
  const ones = (bytes[at + 1] ?? 0) - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}
