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

/** The names of its lambdas are its own: one inside of another of the same name is not told apart by every analysis of the store. */
export function calendarSql(binder: Binder, zone: string): CalendarSql {
  const bound = binder.text(zone)
  const local = (ms: Sql) => `toTimeZone(fromUnixTimestamp64Milli(${ms}, 'UTC'), ${bound})`
  const offset = (ms: Sql) => `toInt64(timezoneOffset(${local(ms)})) * 1000`
  const momentOfWall = (wall: Sql) =>
    `arrayMap((cw, ca, cb) -> if(${offset('cw - ca')} = ca, cw - ca, if(${offset('cw - cb')} = cb, cw - cb, cw - ca)), ` +
    `[${wall}], [${offset(`${wall} - ${dayMs}`)}], [${offset(`${wall} + ${dayMs}`)}])[1]`
  return {
    local,
    plus(ms, duration) {
      if ('ms' in duration) return `(${ms} + ${binder.whole(duration.ms)})`
      const wall = `toUnixTimestamp64Milli(addMonths(fromUnixTimestamp64Milli(ct + ${offset('ct')}, 'UTC'), ${binder.whole(duration.months)}))`
      return `arrayMap(ct -> arrayMap(cv -> ${momentOfWall('cv')}, [${wall}])[1], [${ms}])[1]`
    },
    momentIn(text) {
      // cg: year, month, day, hour, minute, second, fraction, offset
      const part = (index: number) => `toInt64OrZero(cg[${index}])`
      const date = `makeDate32(toInt32(${part(1)}), toInt32(${part(2)}), toInt32(${part(3)}))`
      const exists =
        `length(cg) = 8 and toYear(cd) = ${part(1)} and toMonth(cd) = ${part(2)} and toDayOfMonth(cd) = ${part(3)} ` +
        `and ${part(1)} between ${firstYear} and ${lastYear} and ${part(4)} < 24 and ${part(5)} < 60 and ${part(6)} < 60`
      const wall =
        `toInt64(toInt32(cd)) * ${dayMs} + ((${part(4)} * 60 + ${part(5)}) * 60 + ${part(6)}) * 1000 ` +
        `+ toInt64OrZero(substring(concat(cg[7], '000'), 1, 3))`
      const ahead = `(toInt64OrZero(substring(cg[8], 2, 2)) * 60 + toInt64OrZero(right(cg[8], 2))) * if(startsWith(cg[8], '-'), -60000, 60000)`
      const moment = `if(cg[8] = '', ${momentOfWall('cm')}, if(cg[8] = 'Z', cm, cm - ${ahead}))`
      return (
        `arrayMap(cg -> arrayMap(cd -> if(${exists}, arrayMap(cm -> ${moment}, [${wall}])[1], null), [${date}])[1], ` +
        `[extractGroups(ifNull(${text}, ''), ${binder.text(isoPattern)})])[1]`
      )
    },
  }
}
