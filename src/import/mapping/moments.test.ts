import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isMomentFormat, momentFormat, momentOf, readAnyMoment } from './moments.ts'
import { zoneNamed } from './zone.ts'

const iso = (text: string, zone = 'UTC', format?: string) => {
  const written = momentFormat(format)(text)
  return written && new Date(momentOf(written, zoneNamed(zone))).toISOString()
}

test.each([
  ['2024-03-01', '2024-02-29T16:00:00.000Z'],
  ['2024-03-01 09:05:30', '2024-03-01T01:05:30.000Z'],
  ['2024-03-01T09:05:30.123', '2024-03-01T01:05:30.123Z'],
  ['2024/3/1 9:05', '2024-03-01T01:05:00.000Z'],
  ['2024.3.1', '2024-02-29T16:00:00.000Z'],
  ['2024年3月1日 9时05分', '2024-03-01T01:05:00.000Z'],
  ['2024-03-01T09:05:30Z', '2024-03-01T09:05:30.000Z'],
  ['2024-03-01 09:05:30 UTC', '2024-03-01T09:05:30.000Z'],
  ['2024-03-01T09:05:30+0530', '2024-03-01T03:35:30.000Z'],
  ['20240301', '2024-02-29T16:00:00.000Z'],
  ['20240301090530', '2024-03-01T01:05:30.000Z'],
  ['1709255130', '2024-03-01T01:05:30.000Z'],
  ['1709255130500', '2024-03-01T01:05:30.500Z'],
])('%s in Shanghai is %s', (text, expected) => {
  expect(iso(text, 'Asia/Shanghai')).toBe(expected)
})

test.each([
  '',
  '2024-02-30',
  '2024-13-01',
  '2024-03-01 24:00:00',
  '2024-03-01 09:60:00',
  '0000-00-00 00:00:00',
  '03/04/2024',
  'gestern',
  '2024',
  '1e9',
  '2024-03-01 09:05:30 +25:00',
  '1709-2024',
])('%s is no moment', text => {
  expect(readAnyMoment(text)).toBeUndefined()
})

test.each([
  ['DD/MM/YYYY HH:mm', '03/04/2024 05:06', '2024-04-03T05:06:00.000Z'],
  ['M/D/YY h:mm A', '3/4/24 12:06 AM', '2024-03-04T00:06:00.000Z'],
  ['M/D/YY h:mm A', '3/4/69 12:06 pm', '1969-03-04T12:06:00.000Z'],
  ['YYYYMMDD HHmmssSSS', '20240304 050607089', '2024-03-04T05:06:07.089Z'],
  ['YYYY-MM-DD HH:mm Z', '2024-03-04 05:06 +08:00', '2024-03-03T21:06:00.000Z'],
  ['unix', '1709255130.25', '2024-03-01T01:05:30.250Z'],
  ['unix_ms', '1709255130250', '2024-03-01T01:05:30.250Z'],
])('by the format %s, %s is %s', (format, text, expected) => {
  expect(iso(text, 'UTC', format)).toBe(expected)
})

test('a format must name a day', () => {
  expect(['HH:mm', 'YYYY-MM', 'DD/MM', 'YYYY-MM-DD DD'].filter(isMomentFormat)).toEqual([])
  expect(momentFormat('DD/MM/YYYY')('3/4/2024')).toBeUndefined()
})

test('a reading that the clock skips counts with the offset before, one that it shows twice is the first', () => {
  expect(iso('2024-03-10 02:30:00', 'America/New_York')).toBe('2024-03-10T07:30:00.000Z')
  expect(iso('2024-03-10 03:30:00', 'America/New_York')).toBe('2024-03-10T07:30:00.000Z')
  expect(iso('2024-11-03 01:30:00', 'America/New_York')).toBe('2024-11-03T05:30:00.000Z')
  expect(iso('1988-07-01 12:00:00', 'Asia/Shanghai')).toBe('1988-07-01T03:00:00.000Z')
})

test('what a clock shows at a moment is read as that moment, in any zone, through every change of the clock', () => {
  const zones = [
    'Asia/Shanghai',
    'America/New_York',
    'Europe/Berlin',
    'Australia/Lord_Howe',
    'Africa/Casablanca',
    'Asia/Kathmandu',
    'America/St_Johns',
    'Pacific/Apia',
  ]
  const moment = fc.integer({ min: Date.UTC(1970, 0, 1) / 60_000, max: Date.UTC(2040, 0, 1) / 60_000 })
  fc.assert(
    fc.property(fc.constantFrom(...zones), moment, (zone, minute) => {
      const at = minute * 60_000
      const shown = wallClock(at, zone)
      const read = zoneNamed(zone)(shown)
      expect(wallClock(read, zone)).toBe(shown)
      // Where the clock shows a reading twice, the first is meant.
      if (read !== at) expect(read).toBeLessThan(at)
    }),
    { numRuns: 3000 },
  )
})

function wallClock(ms: number, zone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  const part = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)])) as Record<string, number>
  const { year = 0, month = 1, day, hour, minute, second } = part
  return Date.UTC(year, month - 1, day, hour, minute, second)
}
