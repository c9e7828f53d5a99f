import type { CanonicalEvent, Identifier, IdentityOperation, Json, TraitChange } from '../collect/event.ts'
import type { Sighting } from '../dictionary/observer.ts'
import type { Position } from '../log/position.ts'
import { EventColumns, type Outcome } from './event-columns.ts'

/** What deciding reads of an event. What ClickHouse keeps of it stands in the columns of its draft already; everything else has gone. */
export interface Kept {
  position: Position
  /** As it came; it can hold personal data. */
  messageId: string
  /** The name, without personal data, as the traits are but for those that are kept sealed. */
  event: string
  ts: number
  receivedAt: number
  source: string
  historical: boolean
  identifiers: Identifier[]
  traits: TraitChange[]
  consents: CanonicalEvent['consents']
  operation: IdentityOperation | undefined
  /** What the dictionary learns from it. */
  sighting: Sighting
  /** Properties that may hold a list for the first time. */
  lists: readonly string[]
  /** The item as it came; absent for rows of a file, whose import keeps them. */
  raw: (() => Json) | undefined
}

/** What has to be done to an event before anything of it is kept. */
export interface Preparing {
  /** Takes personal data out of everything that leaves PostgreSQL. */
  redact(event: CanonicalEvent): CanonicalEvent
  /** What the dictionary would learn from an event; it counts once the event is accepted. */
  look(event: CanonicalEvent): Sighting
  /** Its properties that are not known to have held a list, and hold one. */
  listsIn(event: CanonicalEvent): readonly string[]
}

/** The events of one range, made into what will be kept of them as soon as they are read: an event itself dies young. */
export class Draft {
  readonly range: Position
  kept: Kept[] = []
  readonly #preparing: Preparing
  readonly #plain = new EventColumns('paths')
  /** Lists and the like: few, and dear to ClickHouse. */
  readonly #other = new EventColumns('text')

  constructor(range: Position, preparing: Preparing) {
    this.range = range
    this.#preparing = preparing
  }

  /** @param place in the range, after those of earlier events */
  add(place: number, event: CanonicalEvent, raw?: () => Json): void {
    const clean = this.#preparing.redact(event)
    const { messageId, ts, receivedAt, source, historical, identifiers, operation } = event
    const columns = this.#plain.fits(clean) ? this.#plain : this.#other
    columns.add(place, clean)
    this.kept.push({
      position: this.range + place,
      messageId,
      event: clean.event,
      ts,
      receivedAt,
      source,
      historical,
      identifiers,
      traits: clean.traits,
      consents: event.consents,
      operation,
      sighting: this.#preparing.look(clean),
      lists: this.#preparing.listsIn(clean),
      raw,
    })
  }

  /** Leaves out the events at the places that are 0 here. */
  keep(places: Uint8Array): void {
    this.kept = this.kept.filter(({ position }) => places[position - this.range] === 1)
  }

  /** Native blocks of `events`, those of leaf 0 among them, which are not to be stored. */
  blocks(outcome: Omit<Outcome, 'range'>): Buffer[] {
    const whole = { ...outcome, range: this.range }
    return [...this.#plain.block(whole), ...this.#other.block(whole)]
  }
}
