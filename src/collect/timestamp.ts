/** What the stores can hold: DateTime64(3). */
export const earliestTime = Date.UTC(1900, 0, 1)
export const latestTime = Date.UTC(2299, 11, 31)

/** Numbers below this are seconds: as milliseconds they would lie before March 1973. */
const secondsUntil = 1e11

/**
 * The moment that a sender wrote, ms since the epoch: ISO 8601 (a time without a zone is UTC), or a number of milliseconds or seconds.
 * NaN where it cannot be read. Never depends on the zone of this process.
 */
export function instantOf(value: unknown): number {
  if (typeof value === 'string') return isCanonical(value) ? canonicalInstant(value) : isoInstant(value)
  if (typeof value === 'number') return Math.round(Math.abs(value) < secondsUntil ? value * 1000 : value)
  return Number.NaN
}

/** `2026-10-01T08:00:00.000Z`, as most SDKs write it: read without a regular expression, since every event has one. */
function isCanonical(text: string): boolean {
  if (text.length !== 24 || text.charCodeAt(10) !== 84 || text.charCodeAt(23) !== 90) return false
  if (
    text.charCodeAt(4) !== 45 ||
    text.charCodeAt(7) !== 45 ||
    text.charCodeAt(13) !== 58 ||
    text.charCodeAt(16) !== 58 ||
    text.charCodeAt(19) !== 46
  )
    return false
  return (
    isPair(text, 0) &&
    isPair(text, 2) &&
    isPair(text, 5) &&
    isPair(text, 8) &&
    isPair(text, 11) &&
    isPair(text, 14) &&
    isPair(text, 17) &&
    isPair(text, 20) &&
    isPair(text, 21)
  )
}

function canonicalInstant(text: string): number {
  const days = daysTo(pairAt(text, 0) * 100 + pairAt(text, 2), pairAt(text, 5), pairAt(text, 8))
  return instant(days, pairAt(text, 11), pairAt(text, 14), pairAt(text, 17), pairAt(text, 20) * 10 + (text.charCodeAt(22) - 48))
}

function isPair(text: string, at: number): boolean {
  return isDigit(text.charCodeAt(at)) && isDigit(text.charCodeAt(at + 1))
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function pairAt(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48
}

function instant(days: number, hour: number, minute: number, second: number, milliseconds: number): number {
  if (hour > 23 || minute > 59 || second > 59) return Number.NaN
  return days * 86_400_000 + hour * 3_600_000 + minute * 60_000 + second * 1000 + milliseconds
}

const iso = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)? ?(Z|z|[+-]\d\d(?::?\d\d)?)?$/

function isoInstant(text: string): number {
  const match = iso.exec(text)
  if (!match) return Number.NaN
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match
  const milliseconds = Number(fraction.padEnd(3, '0').slice(0, 3))
  return (
    instant(daysTo(Number(year), Number(month), Number(day)), Number(hour), Number(minute), Number(second), milliseconds) - offsetOf(zone)
  )
}

function offsetOf(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.length > 3 ? zone.slice(-2) : 0)
  return (zone[0] === '-' ? -minutes : minutes) * 60_000
}

/** Days since 1970-01-01 in the Gregorian calendar (Hinnant, “chrono-compatible low-level date algorithms”); NaN for a day that is none. */
function daysTo(year: number, month: number, day: number): number {
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= daysIn(month, year))) return Number.NaN
  const y = month <= 2 ? year - 1 : year
  const era = (y / 400) | 0
  const yearOfEra = y - era * 400
  const dayOfYear = (((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) | 0) + day - 1
  return era * 146_097 + yearOfEra * 365 + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0) + dayOfYear - 719_468
}

function daysIn(month: number, year: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}
