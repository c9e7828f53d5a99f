import type { Filter } from '../filter.ts'
import { asStoredIn } from '../hidden.ts'
import { itemOf } from '../items.ts'
import type { Plan } from '../plan.ts'
import type { Sql } from '../sql/binder.ts'
import { itemHolds } from '../sql/item-sql.ts'
import { holds } from '../sql/operator-sql.ts'
import { numberSubject, textSubject } from '../sql/subject.ts'
import { windowSql } from '../sql/window-sql.ts'
import type { Window } from '../window.ts'
import { namesOf, type Selection } from './event-shape.ts'

/** An event's time in milliseconds. */
export const ms = 'toUnixTimestamp64Milli(ts)'

/** Whether an event is one of the selection's. Its names join those that the pass reads. */
export function selectionSql({ event, where = [], within }: Selection, plan: Plan, names: Set<string>): Sql {
  const asked = namesOf(event)
  for (const name of asked) {
    names.add(name)
    plan.reads.add(`e:${name}`)
  }
  return plan.rows.name(
    `(${[eventIs(asked, plan), windowSql(within as Window | undefined, ms, plan.operators), ...where.map(one => filterSql(one, asked, plan))].join(' and ')})`,
  )
}

export function eventIs(names: readonly string[], { binder }: Plan): Sql {
  return names.length === 1 ? `event = ${binder.text(names[0] ?? '')}` : `has(${binder.texts(names)}, toString(event))`
}

function filterSql(filter: Filter, events: readonly string[], plan: Plan): Sql {
  if ('all' in filter) return `(${filter.all.map(one => filterSql(one, events, plan)).join(' and ')})`
  if ('any' in filter) return `(${filter.any.map(one => filterSql(one, events, plan)).join(' or ')})`
  if ('not' in filter) return `not ${filterSql(filter.not, events, plan)}`
  if ('item' in filter) {
    const item = itemOf(filter.item, plan.context.kinds)
    plan.reads.add(`i:${item.kind}`)
    return itemHolds(item, filter, plan.operators, query => plan.named(query))
  }
  if ('time' in filter) return holds(timeSubject(filter.time, plan), filter, plan.operators)
  const { marks, blindIndex } = plan.context
  const isContext = 'context' in filter
  const path = isContext ? filter.context : filter.prop
  const subject = plan.property(isContext ? 'context' : 'props', path)
  const perEvent = events.map(event => asStoredIn({ event, path, context: isContext }, filter, marks, blindIndex))
  const same = perEvent.every(one => JSON.stringify(one) === JSON.stringify(perEvent[0]))
  if (same) return holds(subject, perEvent[0] ?? filter, plan.operators)
  return `(${perEvent.map((one, index) => `(${eventIs([events[index] ?? ''], plan)} and ${holds(subject, one, plan.operators)})`).join(' or ')})`
}

export function timeSubject(part: 'hour' | 'weekday' | 'date', { calendar }: Plan) {
  const local = calendar.local(ms)
  if (part === 'hour') return numberSubject(`toHour(${local})`)
  if (part === 'weekday') return numberSubject(`toDayOfWeek(${local})`)
  return textSubject(`formatDateTime(${local}, '%Y-%m-%d')`)
}
