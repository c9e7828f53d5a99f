import type { CanonicalEvent, Json } from '../collect/event.ts'
import type { Position } from '../log/position.ts'
import type { Queryable } from '../store/postgres.ts'
import type { Batch, RejectedItem } from './batch.ts'
import { noteChanges } from './evaluation/changes.ts'
import { prepareRange } from './ranges.ts'
import type { Fact } from './rows.ts'
import { Tally } from './stats.ts'

/** What the domains do with a batch, inside the transaction that decides it. The pipeline knows their order and nothing else of them. */
export interface Domains {
  /** Takes personal data out of everything that leaves PostgreSQL. */
  redact(event: CanonicalEvent): CanonicalEvent
  /** The hashes of each event's identifiers, what chose its leaf first: UInt64 in decimal, as JSON text. */
  identifiersOf(db: Queryable, events: readonly CanonicalEvent[], leaves: readonly number[]): Promise<string[]>
  /** Which leaf each event goes to, and the hashes of its identifiers; or why it cannot be anybody's. */
  resolve(tx: Queryable, events: readonly Located[]): Promise<(Resolved | { refused: RejectedItem['rejection'] })[]>
  /** Traits and consents become part of the profiles. */
  applyToProfiles(tx: Queryable, facts: readonly Fact[]): Promise<void>
  /** What was seen becomes part of the dictionary, now and then. */
  observe(tx: Queryable, facts: readonly Fact[]): Promise<void>
  saveRejected(tx: Queryable, rejected: readonly LocatedReject[]): Promise<void>
}

export interface Located {
  position: Position
  event: CanonicalEvent
  /** The item as it came; absent for rows of a file, whose import keeps them. */
  raw?: () => Json
}

export interface LocatedReject extends RejectedItem {
  position: Position
}

/** A row of a file that nobody can own; its import keeps it. */
export type RefusedRow = Omit<LocatedReject, 'item'>

export interface Resolved {
  leaf: number
  /** UInt64 in decimal, as JSON text. */
  identifiers: string
}

/** Everything a batch came to. */
export interface Decision {
  range: Position
  until: Position
  facts: Fact[]
  /** Items that nobody can own. Those of a file are its import's to keep; the others are kept in `rejected`. */
  refused: (LocatedReject | RefusedRow)[]
  /** The leaf of each position, 0 where nothing is stored. */
  outcome: Uint32Array
  tally: Tally
}

/**
 * Decides a batch: whose each event is, what it changes, what is refused. Everything is in the caller's transaction or, if that fails, nowhere.
 * @param fresh per position 1 where the message was not seen before
 */
export async function decide(tx: Queryable, domains: Domains, batch: Batch, fresh: Uint8Array, now: number): Promise<Decision> {
  const outcome = new Uint32Array(batch.items.length)
  const tally = new Tally()
  const events: Located[] = []
  const repeats: Located[] = []
  const rejected: LocatedReject[] = []
  for (const [index, item] of batch.items.entries()) {
    const position = batch.range + index
    if ('absent' in item) continue
    if ('rejected' in item) rejected.push({ ...item.rejected, position })
    else (fresh[index] ? events : repeats).push({ position, event: item.event, ...(item.raw && { raw: item.raw }) })
  }

  const facts: Fact[] = []
  const resolved = await domains.resolve(tx, events)
  const refused: (LocatedReject | RefusedRow)[] = []
  const refusals = new Map<string, RejectedItem['rejection']>()
  for (const [index, located] of events.entries()) {
    const { position, event } = located
    const person = resolved[index]
    if (!person) throw new Error('identity answers for every event')
    if ('refused' in person) {
      refused.push(refusalOf(located, person.refused))
      refusals.set(idOf(event), person.refused)
    } else {
      outcome[position - batch.range] = person.leaf
      facts.push({ position, leaf: person.leaf, event: domains.redact(event), identifiers: person.identifiers })
      tally.add('accepted', event.source, event.receivedAt)
    }
  }
  // What repeats an item that is refused is no repeat of anything stored: it is refused, too, wherever batches are cut.
  for (const repeat of repeats) {
    const rejection = refusals.get(idOf(repeat.event))
    if (rejection) refused.push(refusalOf(repeat, rejection))
    else tally.add('deduplicated', repeat.event.source, repeat.event.receivedAt)
  }

  await domains.applyToProfiles(tx, facts)
  await domains.observe(tx, facts)
  await noteChanges(tx, batch.range, facts, now)
  for (const { source, receivedAt } of [...rejected, ...refused]) tally.add('rejected', source, receivedAt)
  await domains.saveRejected(tx, [...rejected, ...refused.filter(one => 'item' in one)])
  await tally.save(tx)
  await prepareRange(tx, batch.range, outcome, now)
  return { range: batch.range, until: batch.range + batch.items.length, facts, refused, outcome, tally }
}

function idOf({ source, messageId }: CanonicalEvent): string {
  return `${source}\0${messageId}`
}

function refusalOf({ position, event, raw }: Located, rejection: RejectedItem['rejection']): LocatedReject | RefusedRow {
  return { source: event.source, receivedAt: event.receivedAt, rejection, position, ...(raw && { item: raw() }) }
}

/** The facts of a range that was decided before, from its batch and its outcome. */
export async function recall(db: Queryable, domains: Domains, batch: Batch, outcome: Uint32Array): Promise<Fact[]> {
  const events = batch.items.flatMap((item, index) => {
    const leaf = outcome[index] ?? 0
    return leaf > 0 && 'event' in item ? [{ position: batch.range + index, leaf, event: item.event }] : []
  })
  const identifiers = await domains.identifiersOf(
    db,
    events.map(({ event }) => event),
    events.map(({ leaf }) => leaf),
  )
  return events.map(({ position, leaf, event }, index) => ({
    position,
    leaf,
    event: domains.redact(event),
    identifiers: identifiers[index] ?? '[]',
  }))
}
