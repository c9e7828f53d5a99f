import { durationOf } from '../duration.ts'
import { earliest, never, type Plan } from '../plan.ts'
import type { Sql } from '../sql/binder.ts'
import type { Window } from '../window.ts'
import type { Selection } from './event-shape.ts'
import { ms, selectionSql } from './selection.ts'

/** The first moment after `now` at which an event enters or leaves the selection's window (Int64 ms); its filters must not look at now. */
export function nextChangeOf(selection: Selection, plan: Plan): Sql {
  const { binder, calendar, context, events, eventNames } = plan
  const now = binder.whole(context.now)
  const window = selection.within as Window | undefined
  const ages = typeof window === 'string' ? [window] : typeof window === 'object' && 'ago' in window ? window.ago : []
  const any = selectionSql({ event: selection.event, where: selection.where }, plan, eventNames)
  const moments = ages.map(age => {
    // Each by itself, since with calendar months the older of two events may leave later.
    const passes = calendar.plus(ms, durationOf(age))
    const first = events.add('minIf', `${passes}, ${any} and ${passes} > ${now}`)
    return `if(${first} = 0, ${never}, ${first})`
  })
  return earliest(moments)
}
