import { z } from '@hono/zod-openapi'
import { momentOfWall, wallOf } from '../rules/calendar.ts'

const dayMs = 86_400_000

/** Every so many hours, or every day at a time of the workspace's clock. */
export const scheduleSchema = z.union([
  z.strictObject({ every: z.string().regex(/^([1-9]\d?)h$/, 'hours from 1h to 99h') }),
  z.strictObject({ daily: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as 03:00') }),
])
export type Schedule = z.infer<typeof scheduleSchema>

/** The first moment after `now` at which a schedule is due, ms. */
export function nextRun(schedule: Schedule, zone: string, now: number): number {
  if ('every' in schedule) return now + Number.parseInt(schedule.every, 10) * 3_600_000
  const [hours = 0, minutes = 0] = schedule.daily.split(':').map(Number)
  const wall = wallOf(zone, now)
  const midnight = wall - (((wall % dayMs) + dayMs) % dayMs)
  const today = momentOfWall(zone, midnight + (hours * 60 + minutes) * 60_000)
  return today > now ? today : momentOfWall(zone, midnight + dayMs + (hours * 60 + minutes) * 60_000)
}
