import { z } from '@hono/zod-openapi'
import { momentOfWall } from './calendar.ts'

/** ISO text, of a day or of a moment; without an offset it is of the workspace's zone. RE2 and JavaScript read it alike. */
export const isoPattern = '^(\\d{4})-(\\d\\d)-(\\d\\d)(?:[T ](\\d\\d):(\\d\\d)(?::(\\d\\d)(?:\\.(\\d{1,9}))?)?(Z|[+-]\\d\\d:?\\d\\d)?)?$'
const iso = new RegExp(isoPattern)

/** The years that both stores can count in. */
export const firstYear = 1901
export const lastYear = 2260

/** The moment that the text names, ms; a day alone is its midnight. Undefined for what is no date. */
export function momentIn(text: string, zone: string): number | undefined {
  const [, y, mo, d, h = '0', mi = '0', s = '0', fraction = '', offset] = iso.exec(text) ?? []
  const [year, month, day, hour, minute, second] = [y, mo, d, h, mi, s].map(Number) as [number, number, number, number, number, number]
  const date = new Date(Date.UTC(year, month - 1, day))
  const exists = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  if (!exists || year < firstYear || year > lastYear || hour > 23 || minute > 59 || second > 59) return undefined
  const wall = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + Number(`${fraction}000`.slice(0, 3))
  if (offset === undefined) return momentOfWall(zone, wall)
  if (offset === 'Z') return wall
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(-2))
  return wall - (offset.startsWith('-') ? -1 : 1) * minutes * 60_000
}

export const dateText = z
  .string()
  .refine(text => momentIn(text, 'UTC') !== undefined, 'a date is ISO text: "2026-10-01" or "2026-10-01T09:30:00+08:00"')
  .meta({ examples: ['2026-10-01', '2026-10-01T09:30:00+08:00'] })
