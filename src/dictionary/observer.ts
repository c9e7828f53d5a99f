import type { CanonicalEvent, Json, JsonObject } from '../collect/event.ts'
import { isTagTrait } from '../collect/tag-trait.ts'
import type { Queryable } from '../store/postgres.ts'
import { hides, type MarkedPath, type Marks, markAt } from './marks.ts'
import { type ObservedRows, saveObserved } from './observed.ts'
import { count, forgetExamples, newSeen, offer, type Seen, typeOf } from './seen.ts'

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

/** A step of a path: what is seen there, and the steps inside. */
interface Branch {
  seen: Seen
  inside: Map<string, Branch>
}

interface ObservedEvent {
  name: string
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
  private pendingEvents: ObservedEvent[] = []
  private pendingTraits: Seen[] = []
  private eventsLeftOut = 0
  private traitsLeftOut = 0
  private flushedAt: number

  constructor(now: () => number, marks: () => Marks, limits: ObserverLimits = limitsByDefault) {
    this.now = now
    this.marks = marks
    this.limits = limits
    this.flushedAt = now()
  }

  /** Events as they will be stored, without personal data. */
  observe(events: readonly CanonicalEvent[]): void {
    for (const event of events) {
      const known = this.events.get(event.event) ?? this.added(event.event)
      if (known) this.observeEvent(known, event)
      else this.eventsLeftOut++
      for (const change of event.traits)
        if (!isTagTrait(change.key)) this.observeTrait(change.key, change.op === 'set' ? change.value : null, event.receivedAt)
    }
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

  private observeEvent(known: ObservedEvent, { props, receivedAt }: CanonicalEvent): void {
    if (known.count++ === 0) {
      known.firstSeen = receivedAt
      known.lastSeen = receivedAt
      this.pendingEvents.push(known)
    } else if (receivedAt > known.lastSeen) known.lastSeen = receivedAt
    else if (receivedAt < known.firstSeen) known.firstSeen = receivedAt
    this.observeObject(known, known.inside, '', props, receivedAt)
  }

  private observeObject(event: ObservedEvent, inside: Map<string, Branch>, prefix: string, object: JsonObject, at: number): void {
    for (const key in object) {
      const branch = inside.get(key) ?? this.addedBranch(event, inside, prefix === '' ? key : `${prefix}.${key}`, key)
      if (branch) this.observeValue(event, branch, object[key] as Json, at)
    }
  }

  private observeValue(event: ObservedEvent, branch: Branch, value: Json, at: number): void {
    const type = typeOf(value)
    const { seen } = branch
    if (type === objectType) {
      const inner = value as JsonObject
      this.observeObject(event, branch.inside, seen.path, inner, at)
      if (branch.inside.size > 0) return
    }
    if (count(seen, type, at)) event.pending.push(seen)
    if (type === listType) this.observeItems(event, branch, value as Json[], at)
    else if (seen.tries > 0 && (type === 0 || type === 2)) offer(seen, value as string | number)
  }

  private observeItems(event: ObservedEvent, branch: Branch, list: Json[], at: number): void {
    for (let index = 0; index < list.length && index < itemsPerList; index++) {
      const items = branch.inside.get('[]') ?? this.addedBranch(event, branch.inside, `${branch.seen.path}[]`, branch.seen.key, '[]')
      if (items) this.observeValue(event, items, list[index] as Json, at)
    }
  }

  private observeTrait(key: string, value: Json, at: number): void {
    const seen = this.traits.get(key) ?? this.addedTrait(key)
    if (!seen) {
      this.traitsLeftOut++
      return
    }
    const type = typeOf(value)
    if (count(seen, type, at)) this.pendingTraits.push(seen)
    if (seen.tries > 0 && (type === 0 || type === 2)) offer(seen, value as string | number)
  }

  private added(name: string): ObservedEvent | undefined {
    if (this.events.size >= this.limits.events || !isName(name, nameLength)) return undefined
    const event = { name, count: 0, firstSeen: 0, lastSeen: 0, leftOut: 0, properties: 0, inside: new Map(), pending: [] }
    this.events.set(name, event)
    return event
  }

  private addedBranch(event: ObservedEvent, inside: Map<string, Branch>, path: string, key: string, step = key): Branch | undefined {
    if (event.properties >= this.limits.propertiesPerEvent || !isName(path, pathLength)) {
      event.leftOut++
      return undefined
    }
    event.properties++
    const branch = { seen: newSeen(path, key), inside: new Map() }
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
      merge(event, row)
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
  else merge(seen, { firstSeen, lastSeen })
  counts.forEach((times, type) => {
    seen.counts[type] = (seen.counts[type] ?? 0) + times
    seen.total += times
  })
  seen.written = Math.max(0, seen.written - examples.length)
  return isFirst
}

function merge(known: { firstSeen: number; lastSeen: number; count?: number }, other: { firstSeen: number; lastSeen: number }): void {
  const isEmpty = known.count === 0
  known.firstSeen = isEmpty ? other.firstSeen : Math.min(known.firstSeen, other.firstSeen)
  known.lastSeen = isEmpty ? other.lastSeen : Math.max(known.lastSeen, other.lastSeen)
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
