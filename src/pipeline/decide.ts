import type { Position } from '../log/position.ts'
import type { Queryable } from '../store/postgres.ts'
import { type Batch, type RejectedItem, untilOf } from './batch.ts'
import { Draft, type Kept, type Preparing } from './draft.ts'
import { noteChanges } from './evaluation/changes.ts'
import { prepareRange } from './ranges.ts'
import type { Fact } from './rows.ts'
import { Tally } from './stats.ts'

/** What the domains do with a batch, inside the transaction that decides it. The pipeline knows their order and nothing else of them. */
export interface Domains extends Preparing {
  /** The hashes of each event's identifiers, what chose its leaf first: UInt64 in decimal, as JSON text. */
  identifiersOf(db: Queryable, events: readonly Kept[], leaves: readonly number[]): Promise<string[]>
  /** Which leaf each event goes to, and the hashes of its identifiers; or why it cannot be anybody's. */
  resolve(tx: Queryable, events: readonly Kept[]): Promise<(Resolved | { refused: RejectedItem['rejection'] })[]>
  /** Traits and consents become part of the profiles. */
  applyToProfiles(tx: Queryable, facts: readonly Fact[]): Promise<void>
  /** What was seen becomes part of the dictionary, now and then. */
  observe(tx: Queryable, facts: readonly Fact[]): Promise<void>
  saveRejected(tx: Queryable, rejected: readonly LocatedReject[]): Promise<void>
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

/** A batch before it is decided. */
export interface Undecided {
  /** What is new in it. */
  draft: Draft
  /** Where the range ends. */
  until: Position
  /** What repeats an earlier message. */
  repeats: readonly Repeat[]
  rejected: readonly LocatedReject[]
}

type Repeat = Pick<Kept, 'position' | 'source' | 'messageId' | 'receivedAt' | 'raw'>

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

/** @param fresh per position 1 where the message was not seen before */
export function undecided(preparing: Preparing, batch: Batch, fresh: Uint8Array): Undecided {
  const draft = new Draft(batch.range, preparing)
  const repeats: Repeat[] = []
  const rejected: LocatedReject[] = []
  for (const [place, item] of batch.items.entries()) {
    const position = batch.range + place
    if ('rejected' in item) rejected.push({ ...item.rejected, position })
    else if (fresh[place]) draft.add(place, item.event, item.raw)
    else {
      const { source, messageId, receivedAt } = item.event
      repeats.push({ position, source, messageId, receivedAt, raw: item.raw })
    }
  }
  return { draft, until: untilOf(batch), repeats, rejected }
}

/** Decides a batch: whose each event is, what it changes, what is refused. Everything is in the caller's transaction or, if that fails, nowhere. */
export async function decide(tx: Queryable, domains: Domains, batch: Undecided, now: number): Promise<Decision> {
  const { draft, until, repeats, rejected } = batch
  const { range } = draft
  const outcome = new Uint32Array(until - range)
  const tally = new Tally()
  const facts: Fact[] = []
  const resolved = await domains.resolve(tx, draft.kept)
  const refused: (LocatedReject | RefusedRow)[] = []
  const refusals = new Map<string, RejectedItem['rejection']>()
  for (const [index, event] of draft.kept.entries()) {
    const { position } = event
    const person = resolved[index]
    if (!person) throw new Error('identity answers for every event')
    if ('refused' in person) {
      refused.push(refusalOf(event, person.refused))
      refusals.set(idOf(event), person.refused)
    } else {
      outcome[position - range] = person.leaf
      facts.push({ position, leaf: person.leaf, event, identifiers: person.identifiers })
      tally.add('accepted', event.source, event.receivedAt)
    }
  }
  // What repeats an item that is refused is no repeat of anything stored: it is refused, too, wherever batches are cut.
  for (const repeat of repeats) {
    const rejection = refusals.get(idOf(repeat))
    if (rejection) refused.push(refusalOf(repeat, rejection))
    else tally.add('deduplicated', repeat.source, repeat.receivedAt)
  }

  await domains.applyToProfiles(tx, facts)
  await domains.observe(tx, facts)
  await noteChanges(tx, range, facts, now)
  for (const { source, receivedAt } of [...rejected, ...refused]) tally.add('rejected', source, receivedAt)
  await domains.saveRejected(tx, [...rejected, ...refused.filter(one => 'item' in one)])
  await tally.save(tx)
  await prepareRange(tx, range, outcome, now)
  return { range, until, facts, refused, outcome, tally }
}

function idOf({ source, messageId }: Repeat): string {
  return `${source}\0${messageId}`
}

function refusalOf({ position, source, receivedAt, raw }: Repeat, rejection: RejectedItem['rejection']): LocatedReject | RefusedRow {
  return { source, receivedAt, rejection, position, ...(raw && { item: raw() }) }
}

/**
 * The facts of a range that was decided before, from its outcome.
 * @param draft of those of its events that were stored
 */
export async function recall(db: Queryable, domains: Domains, draft: Draft, outcome: Uint32Array): Promise<Fact[]> {
  const leaves = draft.kept.map(({ position }) => outcome[position - draft.range] ?? 0)
  const identifiers = await domains.identifiersOf(db, draft.kept, leaves)
  return draft.kept.map((event, index) => ({
    position: event.position,
    leaf: leaves[index] ?? 0,
    event,
    identifiers: identifiers[index] ?? '[]',
  }))
}
