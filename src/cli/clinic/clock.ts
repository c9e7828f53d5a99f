export const hour = 3_600_000
export const day = 24 * hour

/** What the clinic's clock is ahead of UTC; it has no daylight saving. */
const ahead = 8 * hour

/** As the clinic's own systems write a moment: `2026-12-10 10:00:00`. */
export function written(at: number): string {
  return iso(at + ahead)
    .slice(0, 19)
    .replace('T', ' ')
}

export function dateOf(at: number): string {
  return written(at).slice(0, 10)
}

export function iso(at: number): string {
  return new Date(at).toISOString()
}

/** People look at their phones between eight in the morning and midnight. */
export function waking(at: number): number {
  return placed(at, 8, 24)
}

/** Stores are open from ten to eight. */
export function atWork(at: number): number {
  return placed(at, 10, 20)
}

/** The same part of the day, between two hours. The days here begin at ten, as the story ends at ten. */
function placed(at: number, from: number, to: number): number {
  const start = Math.floor((at + ahead - 10 * hour) / day) * day
  const part = (at + ahead - 10 * hour - start) / day
  const hours = from + part * (to - from)
  return start + (hours >= 10 ? hours : hours + 24) * hour - ahead
}
