import { maxDepth, maxKeyLength, maxKeys } from './representable.ts'

/**
 * Reads JSON as bytes without making anything of it, some times faster than JSON.parse. Every function takes where a token begins and
 * says where what follows it begins, or `unsure`: then the text may be sound or not, and is to be parsed.
 * What it is sure of, JSON.parse reads, and `weigh` finds representable.
 */
export const unsure = -1

export const quote = 34
const comma = 44
const minus = 45
const dot = 46
const zero = 48
const nine = 57
const colon = 58
export const openList = 91
const backslash = 92
export const closeList = 93
export const openObject = 123
export const closeObject = 125

export function space(bytes: Uint8Array, at: number): number {
  let next = at
  for (;;) {
    const byte = bytes[next]
    if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) return next
    next++
  }
}

/** A string, from its first quote; short escapes are passed, `\u` is not: it may hold half a surrogate pair. */
export function string(bytes: Uint8Array, at: number): number {
  let next = stop(bytes, at + 1)
  while (bytes[next] === backslash) {
    if (!isShortEscape(bytes[next + 1])) return unsure
    next = stop(bytes, next + 2)
  }
  return bytes[next] === quote ? next + 1 : unsure
}

/** Where a string ends or has something to look at: a quote, a backslash, or a control, which JSON does not have in strings. */
function stop(bytes: Uint8Array, at: number): number {
  let next = at
  for (;;) {
    const byte = bytes[next] as number
    // Past the end the byte is undefined, and no comparison holds.
    if (byte === quote || byte === backslash || !(byte >= 32)) return next
    next++
  }
}

function isShortEscape(byte: number | undefined): boolean {
  switch (byte) {
    case quote:
    case backslash:
    case 47: // /
    case 98: // b
    case 102: // f
    case 110: // n
    case 114: // r
    case 116: // t
      return true
    default:
      return false
  }
}

/** A string without any escape: its bytes are its text. */
export function plainString(bytes: Uint8Array, at: number): number {
  const next = stop(bytes, at + 1)
  return bytes[next] === quote ? next + 1 : unsure
}

const longestWhole = 15

/** A number without an exponent whose whole part is short: far inside every bound. */
export function number(bytes: Uint8Array, at: number): number {
  const first = bytes[at] === minus ? at + 1 : at
  const whole = digits(bytes, first)
  if (whole === first || whole - first > longestWhole || (bytes[first] === zero && whole - first > 1)) return unsure
  let next = whole
  if (bytes[next] === dot) {
    next = digits(bytes, whole + 1)
    if (next === whole + 1) return unsure
  }
  const byte = bytes[next]
  return byte === 69 || byte === 101 ? unsure : next
}

/** A number without sign, fraction and exponent. */
export function wholeNumber(bytes: Uint8Array, at: number): number {
  const next = number(bytes, at)
  return next === digits(bytes, at) ? next : unsure
}

function digits(bytes: Uint8Array, at: number): number {
  let next = at
  for (;;) {
    const byte = bytes[next] as number
    if (!(byte >= zero && byte <= nine)) return next
    next++
  }
}

/** Whether this word stands there. */
export function stands(bytes: Uint8Array, at: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false
  return true
}

export const word = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text))
export const nothing = word('null')
const yes = word('true')
const no = word('false')

/** @param depth containers that may still open */
export function value(bytes: Uint8Array, at: number, depth: number = maxDepth): number {
  switch (bytes[at]) {
    case quote:
      return string(bytes, at)
    case openObject:
      return depth === 0 ? unsure : object(bytes, at, depth - 1)
    case openList:
      return depth === 0 ? unsure : list(bytes, at, depth - 1)
    case 110:
      return stands(bytes, at, nothing) ? at + 4 : unsure
    case 116:
      return stands(bytes, at, yes) ? at + 4 : unsure
    case 102:
      return stands(bytes, at, no) ? at + 5 : unsure
    default:
      return number(bytes, at)
  }
}

function object(bytes: Uint8Array, at: number, depth: number): number {
  let next = space(bytes, at + 1)
  if (bytes[next] === closeObject) return next + 1
  for (let keys = 0; keys < maxKeys; keys++) {
    next = key(bytes, next)
    if (next === unsure) return unsure
    next = value(bytes, next, depth)
    if (next === unsure) return unsure
    const closed = closing(bytes, next, closeObject)
    if (closed !== unsure) return closed
    next = following(bytes, next)
    if (next === unsure) return unsure
  }
  return unsure
}

function list(bytes: Uint8Array, at: number, depth: number): number {
  let next = space(bytes, at + 1)
  if (bytes[next] === closeList) return next + 1
  for (;;) {
    next = value(bytes, next, depth)
    if (next === unsure) return unsure
    const closed = closing(bytes, next, closeList)
    if (closed !== unsure) return closed
    next = following(bytes, next)
    if (next === unsure) return unsure
  }
}

/** A key without escapes, and its colon; the value begins where it says. */
export function key(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== quote) return unsure
  const end = plainString(bytes, at)
  // `__proto__` is reserved: no key that begins so is passed.
  if (end === unsure || end - at - 2 > maxKeyLength || (bytes[at + 1] === 95 && bytes[at + 2] === 95)) return unsure
  const next = space(bytes, end)
  return bytes[next] === colon ? space(bytes, next + 1) : unsure
}

/** After an entry of an object or an element of a list: where the next one begins; `unsure` where there is none. */
export function following(bytes: Uint8Array, at: number): number {
  const next = space(bytes, at)
  return bytes[next] === comma ? space(bytes, next + 1) : unsure
}

/** The bracket that closes, past space: where what follows it begins; `unsure` where something else stands. */
export function closing(bytes: Uint8Array, at: number, bracket: number): number {
  const next = space(bytes, at)
  return bytes[next] === bracket ? next + 1 : unsure
}
