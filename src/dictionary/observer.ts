import type { CanonicalEvent, Json, JsonObject } from '../collect/event.ts'
import { isTagTrait } from '../collect/tag-trait.ts'
import type { Queryable } from '../store/postgres.ts'
import { hides, type MarkedPath, type Marks, markAt } from './marks.ts'
import { type ObservedRows, saveObserved } from './observed.ts'
import { count, forgetExamples, newSeen, offer, type Seen, typeOf } from './seen.ts'
import { emptyShape, type Shape, withStep } from './shape.ts'

export interface ObserverLimits {
  events: number
  propertiesPerEvent: number
  traits: number
}

const limitsByDefault: ObserverLimits = { events: 2_000, propertiesPerEvent: 500, traits: 2_000 }
const nameLength = 200
const pathLength = 300
const itemsPerList = 20
const flushEveryMs = 1_000
const shapesPerEvent = 10_000

/** What an event looked like; undefined for a name beyond the limits. */
export type Sighting = Shape<ObservedEvent> | undefined

/** A step of a path: what is seen there, and the steps inside. */
interface Branch {
  seen: Seen
  /** Of its event, from 1. */
  number: number
  inside: Map<string, Branch>
}

interface ObservedEvent {
  name: string
  /** Where the shapes of its events begin, and how many there are. */
  shapes: Shape<ObservedEvent> | undefined
  shapeCount: number
  count: number
  firstSeen: number
  lastSeen: number
  leftOut: number
  properties: number
  inside: Map<string, Branch>
  /** Properties with counts that are not written. */
  pending: Seen[]
}

const listType = 4
const objectType = 5

/**
 * The observed schema as it grows: counts in memory, written at most once a second in a few bulk statements.
 * Names beyond the limits are counted together, so a client that invents names fills neither memory nor the dictionary.
 */
export class Observer {
  private readonly now: () => number
  private readonly marks: () => Marks
  private readonly limits: ObserverLimits
  private readonly events = new Map<string, ObservedEvent>()
  private readonly traits = new Map<string, Seen>()
  private pendingShapes: Shape<ObservedEvent>[] = []
  private pendingEvents: ObservedEvent[] = []
  private pendingTraits: Seen[] = []
  private eventsLeftOut = 0
  private traitsLeftOut = 0
  private flushedAt: number
  /** Of the event that is looked at, so far. */
  private shape: Sighting

  constructor(now: () => number, marks: () => Marks, limits: ObserverLimits = limitsByDefault) {
    this.now = now
    this.marks = marks
    this.limits = limits
    this.flushedAt = now()
  }

  /** What an event looks like as it will be stored, without personal data. It counts when it is accepted; short values may become examples at once. */
  look({ event: name, props }: CanonicalEvent): Sighting {
    const event = this.events.get(name) ?? this.added(name)
    if (!event) return undefined
    this.shape = this.shapesOf(event)
    this.lookIntoObject(event, event.inside, '', props)
    return this.shape
  }

  /** An event that looked so is stored, with these traits. */
  accept(shape: Sighting, traits: CanonicalEvent['traits'], receivedAt: number): void {
    if (!shape) this.eventsLeftOut++
    else {
      if (shape.count === 0) this.pendingShapes.push(shape)
      widen(shape, receivedAt, receivedAt)
      shape.count++
    }
    for (const change of traits)
      if (!isTagTrait(change.key)) this.observeTrait(change.key, change.op === 'set' ? change.value : null, receivedAt)
  }

  async flushIfDue(tx: Queryable): Promise<void> {
    if (this.now() - this.flushedAt >= flushEveryMs) await this.flush(tx)
  }

  /** Writes what was seen since the last time. What the statements do not take is kept for the next time. */
  async flush(tx: Queryable): Promise<void> {
    this.flushedAt = this.now()
    const rows = this.taken()
    try {
      await saveObserved(tx, rows)
    } catch (error) {
      this.giveBack(rows)
      throw error
    }
  }

  /** After marks changed: examples of what is marked now go. */
  marksChanged(): void {
    const marks = this.marks()
    for (const event of this.events.values()) forgetMarked(event.inside, marks.ofEvent(event.name))
    for (const seen of this.traits.values()) if (hides(marks.ofTrait(seen.path))) forgetExamples(seen)
  }

  private shapesOf(event: ObservedEvent): Shape<ObservedEvent> {
    // Events that all look different do not fill the memory; the shapes that are pending are held until they are counted.
    if (event.shapes && event.shapeCount < shapesPerEvent) return event.shapes
    event.shapeCount = 0
    event.shapes = emptyShape(event)
    return event.shapes
  }

  private lookIntoObject(event: ObservedEvent, inside: Map<string, Branch>, prefix: string, object: JsonObject): void {
    for (const key in object) {
      const branch = inside.get(key) ?? this.addedBranch(event, inside, prefix === '' ? key : `${prefix}.${key}`, key)
      if (branch) this.lookAtValue(event, branch, object[key] as Json)
      else this.step(0, undefined, 0)
    }
  }

  private lookAtValue(event: ObservedEvent, branch: Branch, value: Json): void {
    const type = typeOf(value)
    const { seen } = branch
    if (type === objectType) {
      this.lookIntoObject(event, branch.inside, seen.path, value as JsonObject)
      if (branch.inside.size > 0) return
    }
    this.step(branch.number, seen, type)
    if (type === listType) this.lookAtItems(event, branch, value as Json[])
    else if (seen.tries > 0 && (type === 0 || type === 2)) offer(seen, value as string | number)
  }

  private lookAtItems(event: ObservedEvent, branch: Branch, list: Json[]): void {
    for (let index = 0; index < list.length && index < itemsPerList; index++) {
      const items = branch.inside.get('[]') ?? this.addedBranch(event, branch.inside, `${branch.seen.path}[]`, branch.seen.key, '[]')
      if (items) this.lookAtValue(event, items, list[index] as Json)
      else this.step(0, undefined, 0)
    }
  }

  private step(number: number, seen: Seen | undefined, type: number): void {
    if (!this.shape) return
    const { shape } = this
    const known = shape.next.size
    this.shape = withStep(shape, number, seen, type)
    if (shape.next.size > known) shape.event.shapeCount++
  }

  /** What was accepted becomes counts of its event and its properties. */
  private countShapes(): void {
    for (const shape of this.pendingShapes) {
      const { event, count: times, firstSeen, lastSeen } = shape
      if (event.count === 0) this.pendingEvents.push(event)
      widen(event, firstSeen, lastSeen)
      event.count += times
      for (let at: Shape<ObservedEvent> | undefined = shape; at?.before; at = at.before) {
        if (!at.seen) event.leftOut += times
        else if (count(at.seen, at.type, { times, firstSeen, lastSeen })) event.pending.push(at.seen)
      }
      shape.count = 0
    }
    this.pendingShapes = []
  }

  private observeTrait(key: string, value: Json, at: number): void {
    const seen = this.traits.get(key) ?? this.addedTrait(key)
    if (!seen) {
      this.traitsLeftOut++
      return
    }
    const type = typeOf(value)
    if (count(seen, type, { times: 1, firstSeen: at, lastSeen: at })) this.pendingTraits.push(seen)
    if (seen.tries > 0 && (type === 0 || type === 2)) offer(seen, value as string | number)
  }

  private added(name: string): ObservedEvent | undefined {
    if (this.events.size >= this.limits.events || !isName(name, nameLength)) return undefined
    const counts = { count: 0, firstSeen: 0, lastSeen: 0, leftOut: 0, properties: 0 }
    const event: ObservedEvent = { name, shapes: undefined, shapeCount: 0, ...counts, inside: new Map(), pending: [] }
    this.events.set(name, event)
    return event
  }

  private addedBranch(event: ObservedEvent, inside: Map<string, Branch>, path: string, key: string, step = key): Branch | undefined {
    if (event.properties >= this.limits.propertiesPerEvent || !isName(path, pathLength)) return undefined
    event.properties++
    const branch = { seen: newSeen(path, key), number: event.properties, inside: new Map() }
    if (hides(markAt(this.marks(), event.name, path))) forgetExamples(branch.seen)
    inside.set(step, branch)
    return branch
  }

  private addedTrait(key: string): Seen | undefined {
    if (this.traits.size >= this.limits.traits || !isName(key, pathLength)) return undefined
    const seen = newSeen(key, key)
    if (hides(this.marks().ofTrait(key))) forgetExamples(seen)
    this.traits.set(key, seen)
    return seen
  }

  private taken(): ObservedRows {
    this.countShapes()
    const rows: ObservedRows = {
      events: this.pendingEvents.map(({ name, count: times, leftOut, firstSeen, lastSeen }) => ({
        name,
        count: times,
        leftOut,
        firstSeen,
        lastSeen,
      })),
      properties: this.pendingEvents.flatMap(({ name, pending }) => pending.map(seen => ({ event: name, ...takenOf(seen) }))),
      traits: this.pendingTraits.map(takenOf),
      eventsLeftOut: this.eventsLeftOut,
      traitsLeftOut: this.traitsLeftOut,
    }
    for (const event of this.pendingEvents) Object.assign(event, { count: 0, leftOut: 0, pending: [] })
    this.pendingEvents = []
    this.pendingTraits = []
    this.eventsLeftOut = 0
    this.traitsLeftOut = 0
    return rows
  }

  private giveBack(rows: ObservedRows): void {
    this.eventsLeftOut += rows.eventsLeftOut
    this.traitsLeftOut += rows.traitsLeftOut
    for (const { name, ...row } of rows.events) {
      const event = this.events.get(name)
      if (!event) continue
      if (event.count === 0) this.pendingEvents.push(event)
      widen(event, row.firstSeen, row.lastSeen)
      event.count += row.count
      event.leftOut += row.leftOut
    }
    for (const row of rows.properties) {
      const event = this.events.get(row.event)
      if (event && returned(row)) event.pending.push(row.seen)
    }
    for (const row of rows.traits) if (returned(row)) this.pendingTraits.push(row.seen)
  }
}

export interface TakenSeen {
  seen: Seen
  path: string
  counts: readonly number[]
  examples: readonly string[]
  firstSeen: number
  lastSeen: number
}

function takenOf(seen: Seen): TakenSeen {
  const { path, counts, firstSeen, lastSeen } = seen
  const taken = { seen, path, counts: [...counts], examples: seen.examples.slice(seen.written), firstSeen, lastSeen }
  counts.fill(0)
  seen.total = 0
  seen.written = seen.examples.length
  return taken
}

/** Puts counts back; true when none had come since. */
function returned({ seen, counts, examples, firstSeen, lastSeen }: TakenSeen): boolean {
  const isFirst = seen.total === 0
  if (isFirst) Object.assign(seen, { firstSeen, lastSeen })
  else {
    seen.firstSeen = Math.min(seen.firstSeen, firstSeen)
    seen.lastSeen = Math.max(seen.lastSeen, lastSeen)
  }
  counts.forEach((times, type) => {
    seen.counts[type] = (seen.counts[type] ?? 0) + times
    seen.total += times
  })
  seen.written = Math.max(0, seen.written - examples.length)
  return isFirst
}

function widen(known: { firstSeen: number; lastSeen: number; count: number }, firstSeen: number, lastSeen: number): void {
  const isFirst = known.count === 0
  known.firstSeen = isFirst ? firstSeen : Math.min(known.firstSeen, firstSeen)
  known.lastSeen = isFirst ? lastSeen : Math.max(known.lastSeen, lastSeen)
}

function forgetMarked(inside: ReadonlyMap<string, Branch>, marked: MarkedPath | undefined, all = hides(marked?.mark)): void {
  if (!marked && !all) return
  for (const [step, branch] of inside) {
    const there = marked?.inside.get(step)
    const hidden = all || hides(there?.mark)
    if (hidden) forgetExamples(branch.seen)
    forgetMarked(branch.inside, there, hidden)
  }
}

function isName(text: string, atMost: number): boolean {
  return text !== '' && text.length <= atMost && text.isWellFormed() && !text.includes('\0')
}
