import type { Seen } from './seen.ts'

/**
 * What events looked like: one more property, or an item of its list, behind the shape of those before it. Events whose properties have the
 * same types in the same order end in the same shape, so that they are counted together.
 */
export interface Shape<Event = unknown> {
  readonly event: Event
  readonly before: Shape<Event> | undefined
  /** What is behind, by its number and type. */
  readonly next: Map<number, Shape<Event>>
  /** Of `next`, the one that came last: mostly it comes again. */
  last: Shape<Event> | undefined
  readonly code: number
  /** Undefined for what lies beyond the limits. */
  readonly seen: Seen | undefined
  /** The place of its type in `types`. */
  readonly type: number
  /** Accepted events that ended here and are not counted by their properties yet. */
  count: number
  firstSeen: number
  lastSeen: number
}

export function emptyShape<Event>(event: Event): Shape<Event> {
  return shapeBehind(event, undefined, 0, undefined, 0)
}

/** @param number of what is seen, from 1, unique within the event; 0 for what lies beyond the limits */
export function withStep<Event>(shape: Shape<Event>, number: number, seen: Seen | undefined, type: number): Shape<Event> {
  const code = number * 8 + type
  if (shape.last?.code === code) return shape.last
  const known = shape.next.get(code)
  const next = known ?? shapeBehind(shape.event, shape, code, seen, type)
  if (!known) shape.next.set(code, next)
  shape.last = next
  return next
}

function shapeBehind<Event>(
  event: Event,
  before: Shape<Event> | undefined,
  code: number,
  seen: Seen | undefined,
  type: number,
): Shape<Event> {
  return { event, before, next: new Map(), last: undefined, code, seen, type, count: 0, firstSeen: 0, lastSeen: 0 }
}
