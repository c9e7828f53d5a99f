import { expect, it } from 'vitest'
import { anniversariesWithin, momentOfWall, plus } from './calendar.ts'
import { durationOf, durationText } from './duration.ts'
import { momentIn } from './iso-date.ts'

const utc = (ms: number) => new Date(ms).toISOString()

it('months are clamped to the end of the month, gaps shift forward, of two equal readings the first counts', () => {
  const from = (text: string, zone: string, duration: string) => utc(plus(zone, Date.parse(text), durationOf(duration)))
  expect(from('2026-01-31T10:00:00Z', 'UTC', '1mo')).toBe('2026-02-28T10:00:00.000Z')
  expect(from('2024-02-29T10:00:00Z', 'UTC', '1y')).toBe('2025-02-28T10:00:00.000Z')
  expect(from('2026-02-28T01:30:00Z', 'Europe/Berlin', '1mo')).toBe('2026-03-28T01:30:00.000Z')
  expect(from('2026-02-28T01:30:00Z', 'Europe/Berlin', '28d')).toBe('2026-03-28T01:30:00.000Z')
  expect(utc(momentOfWall('Europe/Berlin', Date.parse('2026-03-29T02:30:00Z')))).toBe('2026-03-29T01:30:00.000Z')
  expect(utc(momentOfWall('Europe/Berlin', Date.parse('2026-10-25T02:30:00Z')))).toBe('2026-10-25T00:30:00.000Z')
})

it('a date alone is midnight in the zone', () => {
  expect(utc(momentIn('2026-10-01', 'Asia/Shanghai') ?? 0)).toBe('2026-09-30T16:00:00.000Z')
  expect(utc(momentIn('2026-10-01T09:30:00-05:00', 'Asia/Shanghai') ?? 0)).toBe('2026-10-01T14:30:00.000Z')
  expect(['2026-02-29', '2026-1-1', '20260101', '2026-01-01T24:00', 'soon'].map(text => momentIn(text, 'UTC'))).toEqual(
    Array(5).fill(undefined),
  )
})

it('29 February counts as 28 in other years', () => {
  const now = Date.parse('2026-02-27T20:00:00Z')
  expect(anniversariesWithin('UTC', now, 1)).toEqual(['02-27', '02-28', '02-29'])
  expect(anniversariesWithin('Asia/Shanghai', now, 0)).toEqual(['02-28', '02-29'])
  expect(anniversariesWithin('UTC', Date.parse('2028-02-28T00:00:00Z'), 0)).toEqual(['02-28'])
})

it('durations are a number and a unit', () => {
  expect(['7d', '36h', '3mo', '1y'].every(text => durationText.safeParse(text).success)).toBe(true)
  expect(['7', 'd', '-7d', '1.5d', '7D', '200y', '7d '].some(text => durationText.safeParse(text).success)).toBe(false)
})
