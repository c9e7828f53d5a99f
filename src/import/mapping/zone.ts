const dayMs = 86_400_000

/** Turns a wall clock reading (as if it were UTC, in ms) into the moment it names. */
export type Zone = (wallMs: number) => number

const zones = new Map<string, Zone>()

/**
 * The clock of an IANA time zone. A reading that the clock skips (spring) counts with the offset before the change, one that it shows twice
 * (autumn) is the first: as `Temporal` has it.
 * @throws RangeError when there is no such zone
 */
export function zoneNamed(name: string): Zone {
  const known = zones.get(name)
  if (known) return known
  const zone = name === 'UTC' ? (wallMs: number) => wallMs : clockOf(name)
  zones.set(name, zone)
  return zone
}

export function isZone(name: string): boolean {
  try {
    zoneNamed(name)
    return true
  } catch {
    return false
  }
}

function clockOf(name: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset', year: 'numeric' })
  const offsetAt = (ms: number) => offsetFrom(format.formatToParts(ms).find(part => part.type === 'timeZoneName')?.value ?? '')
  /** Per day of the wall clock: its offset, or NaN where it changes on that day or next to it. */
  const days = new Map<number, number>()
  let lastDay = Number.NaN
  let lastOffset = 0

  const offsetOfDay = (day: number) => {
    let offset = days.get(day)
    if (offset === undefined) {
      const before = offsetAt((day - 1) * dayMs)
      offset = before === offsetAt((day + 2) * dayMs) ? before : Number.NaN
      days.set(day, offset)
    }
    return offset
  }

  return wallMs => {
    const day = Math.floor(wallMs / dayMs)
    if (day !== lastDay) {
      lastDay = day
      lastOffset = offsetOfDay(day)
    }
    if (!Number.isNaN(lastOffset)) return wallMs - lastOffset
    const before = offsetAt((day - 1) * dayMs)
    const after = offsetAt((day + 2) * dayMs)
    const [early, late] = [wallMs - before, wallMs - after]
    if (offsetAt(early) === before) return early
    return offsetAt(late) === after ? late : early
  }
}

/** `GMT+08:00`, `GMT-05:30`, `GMT+08:05:43`, `GMT`. */
function offsetFrom(text: string): number {
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /^GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(text) ?? []
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1000)
}
