import { z } from '@hono/zod-openapi'

/** A length of time: fixed in milliseconds, or in calendar months of the workspace's zone. */
export type Duration = { ms: number } | { months: number }

const second = 1000
const fixed: Record<string, number> = { s: second, m: 60 * second, h: 3600 * second, d: 86_400 * second, w: 604_800 * second }
const calendar: Record<string, number> = { mo: 1, y: 12 }
const shape = /^(\d{1,9})(s|m|h|d|w|mo|y)$/
const longestYears = 150

export const durationText = z
  .string()
  .refine(
    text => durationIn(text) !== undefined,
    'a duration is a whole number and a unit (s m h d w mo y), at most 150 years: "7d", "3mo"',
  )
  .meta({ examples: ['7d', '36h', '3mo', '1y'], pattern: shape.source })

/** `7d`, `3mo`; undefined for what is none. */
function durationIn(text: string): Duration | undefined {
  const [, digits = '', unit = ''] = shape.exec(text) ?? []
  const ms = Number(digits) * (fixed[unit] ?? 0)
  const months = Number(digits) * (calendar[unit] ?? 0)
  if (digits === '' || approximateMs({ ms, months }) > longestYears * 366 * 86_400 * second) return undefined
  return unit in fixed ? { ms } : { months }
}

/** @throws TypeError for what `durationText` would have refused */
export function durationOf(text: string): Duration {
  const duration = durationIn(text)
  if (!duration) throw new TypeError('not a duration')
  return duration
}

/** For comparing lengths, not for arithmetic. */
export function lengthOf(duration: Duration): number {
  return approximateMs({ ms: 'ms' in duration ? duration.ms : 0, months: 'months' in duration ? duration.months : 0 })
}

function approximateMs({ ms, months }: { ms: number; months: number }): number {
  return ms + months * 30.436875 * 86_400 * second
}

/** The duration in whole days, if its unit is days or weeks. */
export function wholeDays(text: string): number | undefined {
  const [, digits = '', unit = ''] = shape.exec(text) ?? []
  return unit === 'd' ? Number(digits) : unit === 'w' ? 7 * Number(digits) : undefined
}

export function isWholeYears(text: string): boolean {
  return text.endsWith('y')
}
