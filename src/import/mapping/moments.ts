import type { Zone } from './zone.ts'

/** A date and time as written: the wall clock in ms as if it were UTC, and the offset if one was written. */
export interface Written {
  wallMs: number
  offsetMs: number | undefined
}

export type ReadMoment = (text: string) => Written | undefined

/** The moment: by its own offset, or by the clock of the zone. */
export function momentOf({ wallMs, offsetMs }: Written, zone: Zone): number {
  return offsetMs === undefined ? zone(wallMs) : wallMs - offsetMs
}

const second = 1000
const minute = 60_000
const hour = 3_600_000

/** What ClickHouse can keep with milliseconds. */
const earliest = Date.UTC(1900, 0, 1)
const latest = Date.UTC(2299, 11, 31)

/** How a time may be written where the mapping names no format; which of day and month comes first cannot be guessed. */
export const readAnyMoment: ReadMoment = text => readIsoLike(text) ?? readNumeric(text)

/**
 * By a format: `iso`, `unix` (seconds), `unix_ms`, or letters: YYYY YY MM M DD D HH H hh h mm m ss s SSS A (AM/PM, 上午/下午) Z (offset);
 * everything else stands for itself.
 */
export function momentFormat(format: string | undefined): ReadMoment {
  if (format === undefined) return readAnyMoment
  if (format === 'iso') return readIsoLike
  if (format === 'unix') return text => (/^-?\d{1,11}(\.\d+)?$/.test(text) ? epoch(Math.round(Number(text) * second)) : undefined)
  if (format === 'unix_ms') return text => (/^-?\d{1,14}$/.test(text) ? epoch(Number(text)) : undefined)
  return byLetters(format)
}

const separators = new Set([...'-/.年'].map(character => character.charCodeAt(0)))

/** `2024-03-01`, `2024/3/1 9:05`, `2024年3月1日 09:05:30`, `2024-03-01T09:05:30.123+08:00`, `2024-03-01 09:05:30 UTC`. */
function readIsoLike(text: string): Written | undefined {
  if (text.length < 8 || !separators.has(text.charCodeAt(4))) return undefined
  return readDashed(text) ?? readLoose(text)
}

/** The form most files have, `2024-03-01 09:05:30`, digit by digit: a million times this is a tenth of a second. */
function readDashed(text: string): Written | undefined {
  if (text.length !== 19 && text.length !== 10) return undefined
  const year = digits(text, 0, 4)
  const month = digits(text, 5, 7)
  const day = digits(text, 8, 10)
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return undefined
  if (text.length === 10) return wall(year, month, day, 0, 0, 0, 0, undefined)
  const between = text.charCodeAt(10)
  if ((between !== 32 && between !== 84) || text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58) return undefined
  return wall(year, month, day, digits(text, 11, 13), digits(text, 14, 16), digits(text, 17, 19), 0, undefined)
}

function digits(text: string, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

const loose =
  /^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T\s]+(\d{1,2})(?:[:时点](\d{1,2})分?(?::?(\d{1,2})(?:[.,](\d{1,9}))?秒?)?)?)?\s*(Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{2}:?\d{2})?$/i

function readLoose(text: string): Written | undefined {
  const found = loose.exec(text)
  if (!found) return undefined
  const [, year, month, day, hours = '0', minutes = '0', seconds = '0', fraction = '0', offset] = found
  const ms = Number(`0.${fraction}`) * second
  return wall(Number(year), Number(month), Number(day), Number(hours), Number(minutes), Number(seconds), Math.floor(ms), offset)
}

/** `20240301`, `20240301090530`, and seconds or milliseconds since 1970 with ten or thirteen digits. */
function readNumeric(text: string): Written | undefined {
  if (!/^\d+$/.test(text)) return undefined
  const part = (from: number, to: number) => digits(text, from, to)
  if (text.length === 8) return wall(part(0, 4), part(4, 6), part(6, 8), 0, 0, 0, 0, undefined)
  if (text.length === 14) return wall(part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14), 0, undefined)
  if (text.length === 10) return epoch(Number(text) * second)
  return text.length === 13 ? epoch(Number(text)) : undefined
}

function epoch(ms: number): Written | undefined {
  return ms >= earliest && ms <= latest ? { wallMs: ms, offsetMs: 0 } : undefined
}

/** Undefined where there is no such day or time of day. 24:00 is none; a leap second is the next second. */
function wall(
  year: number,
  month: number,
  day: number,
  hours: number,
  minutes: number,
  seconds: number,
  ms: number,
  offset: string | undefined,
): Written | undefined {
  const isTime = hours < 24 && minutes < 60 && seconds <= 60
  if (!isTime || !(month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return undefined
  const wallMs = daysSince1970(year, month, day) * 24 * hour + hours * hour + minutes * minute + seconds * second + ms
  if (!(wallMs >= earliest && wallMs <= latest)) return undefined
  const offsetMs = offset === undefined ? undefined : offsetOf(offset)
  return Number.isNaN(offsetMs) ? undefined : { wallMs, offsetMs }
}

function offsetOf(text: string): number {
  const found = /([+-])(\d{2}):?(\d{2})$/.exec(text)
  if (!found) return 0
  const [, sign, hours, minutes] = found
  const ms = Number(hours) * hour + Number(minutes) * minute
  return ms > 18 * hour ? Number.NaN : sign === '-' ? -ms : ms
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && isLeap ? 29 : (monthDays[month - 1] ?? 0)
}

/** Howard Hinnant, "chrono-compatible low-level date algorithms": days_from_civil. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

const letters: Record<string, string> = {
  YYYY: '(?<year>\\d{4})',
  YY: '(?<shortYear>\\d{2})',
  MM: '(?<month>\\d{2})',
  M: '(?<month>\\d{1,2})',
  DD: '(?<day>\\d{2})',
  D: '(?<day>\\d{1,2})',
  HH: '(?<hour>\\d{2})',
  H: '(?<hour>\\d{1,2})',
  hh: '(?<hour>\\d{2})',
  h: '(?<hour>\\d{1,2})',
  mm: '(?<minute>\\d{2})',
  m: '(?<minute>\\d{1,2})',
  ss: '(?<second>\\d{2})',
  s: '(?<second>\\d{1,2})',
  SSS: '(?<ms>\\d{3})',
  A: '(?<half>AM|PM|上午|下午)',
  Z: '(?<offset>Z|UTC|GMT|[+-]\\d{2}:?\\d{2})',
}
const letter = /YYYY|YY|MM|M|DD|D|HH|H|hh|h|mm|m|ss|s|SSS|A|Z/g

/** Whether the letters of a format name a day at least, none of them twice. */
export function isMomentFormat(format: string): boolean {
  if (['iso', 'unix', 'unix_ms'].includes(format)) return true
  const used = (format.match(letter) ?? []).map(one => letters[one]?.match(/<(\w+)>/)?.[1] ?? '')
  const hasYear = used.includes('year') || used.includes('shortYear')
  return hasYear && used.includes('month') && used.includes('day') && new Set(used).size === used.length
}

function byLetters(format: string): ReadMoment {
  const pattern = format.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replace(letter, one => letters[one] ?? one)
  const expression = new RegExp(`^${pattern}$`, 'i')
  return text => {
    const groups = expression.exec(text)?.groups
    if (!groups) return undefined
    const year = groups.year === undefined ? shortYear(Number(groups.shortYear)) : Number(groups.year)
    const hours = hourOf(Number(groups.hour ?? 0), groups.half?.toUpperCase())
    const [month, day] = [Number(groups.month), Number(groups.day)]
    return wall(year, month, day, hours, Number(groups.minute ?? 0), Number(groups.second ?? 0), Number(groups.ms ?? 0), groups.offset)
  }
}

/** 70–99 are of the last century, as POSIX has it (with 69 there, too). */
function shortYear(year: number): number {
  return year >= 69 ? 1900 + year : 2000 + year
}

function hourOf(hours: number, half: string | undefined): number {
  if (half === undefined) return hours
  if (hours < 1 || hours > 12) return Number.NaN
  return (hours % 12) + (half === 'PM' || half === '下午' ? 12 : 0)
}
