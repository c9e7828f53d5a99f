import type { Duration } from '../duration.ts'
import { firstYear, isoPattern, lastYear } from '../iso-date.ts'
import type { Binder, Sql } from './binder.ts'

/** The workspace's calendar in SQL, as `calendar.ts` and `iso-date.ts` have it; moments are Int64 milliseconds. */
export interface CalendarSql {
  /** `ms ⊕ d` */
  plus(ms: Sql, duration: Duration): Sql
  /** The moment that ISO text names, null for what is no date. */
  momentIn(text: Sql): Sql
  /** The moment as the zone's DateTime64, for reading days and hours off. */
  local(ms: Sql): Sql
}

const dayMs = 86_400_000

export function calendarSql(binder: Binder, zone: string): CalendarSql {
  const bound = binder.text(zone)
  const local = (ms: Sql) => `toTimeZone(fromUnixTimestamp64Milli(${ms}, 'UTC'), ${bound})`
  const offset = (ms: Sql) => `toInt64(timezoneOffset(${local(ms)})) * 1000`
  const momentOfWall = (wall: Sql) =>
    `arrayMap((w, a, b) -> if(${offset('w - a')} = a, w - a, if(${offset('w - b')} = b, w - b, w - a)), ` +
    `[${wall}], [${offset(`${wall} - ${dayMs}`)}], [${offset(`${wall} + ${dayMs}`)}])[1]`
  return {
    local,
    plus(ms, duration) {
      if ('ms' in duration) return `(${ms} + ${binder.whole(duration.ms)})`
      const wall = `toUnixTimestamp64Milli(addMonths(fromUnixTimestamp64Milli(t + ${offset('t')}, 'UTC'), ${binder.whole(duration.months)}))`
      return `arrayMap(t -> arrayMap(v -> ${momentOfWall('v')}, [${wall}])[1], [${ms}])[1]`
    },
    momentIn(text) {
      // g: year, month, day, hour, minute, second, fraction, offset
      const part = (index: number) => `toInt64OrZero(g[${index}])`
      const date = `makeDate32(toInt32(${part(1)}), toInt32(${part(2)}), toInt32(${part(3)}))`
      const exists =
        `length(g) = 8 and toYear(d) = ${part(1)} and toMonth(d) = ${part(2)} and toDayOfMonth(d) = ${part(3)} ` +
        `and ${part(1)} between ${firstYear} and ${lastYear} and ${part(4)} < 24 and ${part(5)} < 60 and ${part(6)} < 60`
      const wall =
        `toInt64(toInt32(d)) * ${dayMs} + ((${part(4)} * 60 + ${part(5)}) * 60 + ${part(6)}) * 1000 ` +
        `+ toInt64OrZero(substring(concat(g[7], '000'), 1, 3))`
      const ahead = `(toInt64OrZero(substring(g[8], 2, 2)) * 60 + toInt64OrZero(right(g[8], 2))) * if(startsWith(g[8], '-'), -60000, 60000)`
      const moment = `if(g[8] = '', ${momentOfWall('w')}, if(g[8] = 'Z', w, w - ${ahead}))`
      return (
        `arrayMap(g -> arrayMap(d -> if(${exists}, arrayMap(w -> ${moment}, [${wall}])[1], null), [${date}])[1], ` +
        `[extractGroups(ifNull(${text}, ''), ${binder.text(isoPattern)})])[1]`
      )
    },
  }
}
