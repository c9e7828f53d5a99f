import { Refusal } from '../../refusal.ts'
import { plus } from '../calendar.ts'
import { type Duration, durationOf } from '../duration.ts'
import { momentIn } from '../iso-date.ts'
import type { Window } from '../window.ts'
import type { Sql } from './binder.ts'
import type { OperatorContext } from './operator-sql.ts'

/** The moments that a journey's rules may look back to, ms. */
export interface Since {
  entry?: number
  step?: number
}

const days = 86_400_000
/** How far adding months may be off from taking them away: the end of a month, and a change of the clock. */
const slackMs = 5 * days

/** Whether an event at `ms` (≤ now) is inside. */
export function windowSql(window: Window | undefined, ms: Sql, context: OperatorContext & { since?: Since | undefined }): Sql {
  const { binder, zone } = context
  if (window === undefined) return '1'
  if (typeof window === 'string') return younger(ms, durationOf(window), context)
  if ('ago' in window)
    return `(${younger(ms, durationOf(window.ago[0]), context)} and not ${younger(ms, durationOf(window.ago[1]), context)})`
  if ('since' in window) {
    const since = context.since?.[window.since]
    if (since === undefined)
      throw new Refusal(422, 'invalid-rule', `"since": "${window.since}" has a meaning inside a journey only: use a duration here`)
    return `${ms} > ${binder.whole(since)}`
  }
  const from = window.from === undefined ? '1' : `${ms} >= ${binder.whole(momentIn(window.from, zone) ?? 0)}`
  const to = window.to === undefined ? '1' : `${ms} < ${binder.whole(momentIn(window.to, zone) ?? 0)}`
  return `(${from} and ${to})`
}

/** `now < ms ⊕ d`. With months it is worked out only near the boundary. */
function younger(ms: Sql, duration: Duration, { binder, calendar, now, zone }: OperatorContext): Sql {
  if ('ms' in duration) return `${ms} > ${binder.whole(now - duration.ms)}`
  const boundary = plus(zone, now, { months: -duration.months })
  const near = `${ms} > ${binder.whole(boundary - slackMs)} and ${calendar.plus(ms, duration)} > ${binder.whole(now)}`
  return `(${ms} > ${binder.whole(boundary + slackMs)} or (${near}))`
}
