import type { Duration } from './duration.ts'

const dayMs = 86_400_000
const formats = new Map<string, Intl.DateTimeFormat>()

/** What a zone's clock is ahead of UTC at a moment, ms. */
export function offsetAt(zone: string, ms: number): number {
  let format = formats.get(zone)
  if (!format) {
    const parts = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', era: 'short', ...parts })
    formats.set(zone, format)
  }
  const whole = Math.floor(ms / 1000) * 1000
  const shown = Object.fromEntries(format.formatToParts(whole).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown
  return Date.UTC(year, month - 1, day, hour, minute, second) - whole
}

/** What the zone's clock shows, as if it were UTC. */
export function wallOf(zone: string, ms: number): number {
  return ms + offsetAt(zone, ms)
}

/** The moment at which a zone's clock shows this: shifted forward where the clock skips it, the first where it shows it twice. */
export function momentOfWall(zone: string, wall: number): number {
  const before = offsetAt(zone, wall - dayMs)
  const after = offsetAt(zone, wall + dayMs)
  if (offsetAt(zone, wall - before) === before) return wall - before
  return offsetAt(zone, wall - after) === after ? wall - after : wall - before
}

/** `ts ⊕ d`: months are added on the zone's calendar and clamped to the end of the month. */
export function plus(zone: string, ms: number, duration: Duration): number {
  if ('ms' in duration) return ms + duration.ms
  return momentOfWall(zone, addMonths(wallOf(zone, ms), duration.months))
}

function addMonths(wall: number, months: number): number {
  const date = new Date(wall)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + months]
  const day = Math.min(date.getUTCDate(), new Date(Date.UTC(year, month + 1, 0)).getUTCDate())
  return Date.UTC(year, month, day) + (wall - Math.floor(wall / dayMs) * dayMs)
}

/** The months and days (`MM-DD`) whose anniversary is at most so many local days after today; 29 February counts as 28 in other years. */
export function anniversariesWithin(zone: string, now: number, days: number): string[] {
  const today = wallOf(zone, now)
  const dates = Array.from({ length: Math.min(days, 366) + 1 }, (_, ahead) => new Date(today + ahead * dayMs))
  const named = dates.flatMap(date => {
    const name = date.toISOString().slice(5, 10)
    const isLeap = new Date(Date.UTC(date.getUTCFullYear(), 2, 0)).getUTCDate() === 29
    return name === '02-28' && !isLeap ? [name, '02-29'] : [name]
  })
  return [...new Set(named)]
}

/**
 * For every month and day, when `anniversariesWithin` next gains or loses it: the midnight after the anniversary where it has it now, else the
 * midnight that many days before.
 */
export function anniversaryFlips(zone: string, now: number, days: number): Map<string, number> {
  const today = wallOf(zone, now)
  const midnight = Math.floor(today / dayMs) * dayMs
  const flips = new Map<string, number>()
  for (let ahead = 0; ahead <= 366 * 8 && flips.size < 366; ahead++) {
    const date = new Date(midnight + ahead * dayMs)
    const name = date.toISOString().slice(5, 10)
    const isLeap = new Date(Date.UTC(date.getUTCFullYear(), 2, 0)).getUTCDate() === 29
    const isInside = ahead <= Math.min(days, 366)
    const flip = momentOfWall(zone, midnight + (isInside ? ahead + 1 : ahead - Math.min(days, 366)) * dayMs)
    for (const one of name === '02-28' && !isLeap ? [name, '02-29'] : [name]) if (!flips.has(one)) flips.set(one, flip)
  }
  return flips
}

const quarterMs = 900_000

/**
 * The first moment after `now` from which `now ⊕ months` may no longer advance as `now` does: the next local midnight, where months are clamped
 * anew, or a change of the clock on either side before it. Between two such moments lies at least a quarter of an hour.
 */
export function steadyUntil(zone: string, now: number, months: number): number {
  const ahead = (at: number) => plus(zone, at, { months }) - at
  const shift = ahead(now)
  const end = momentOfWall(zone, (Math.floor(wallOf(zone, now) / dayMs) + 1) * dayMs)
  let steady = now
  for (let at = Math.min(now + quarterMs, end - 1); at > steady; at = Math.min(at + quarterMs, end - 1)) {
    if (ahead(at) !== shift) return firstJump(steady, at, moment => ahead(moment) !== shift)
    steady = at
  }
  return end
}

/** Between one moment that has not jumped and one that has. */
function firstJump(before: number, after: number, hasJumped: (at: number) => boolean): number {
  let [low, high] = [before, after]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (hasJumped(middle)) high = middle
    else low = middle
  }
  return high
}
