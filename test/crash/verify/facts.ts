import type { Json } from '../../../src/collect/event.ts'
import type { Position } from '../../../src/log/position.ts'
import type { Item } from '../messages.ts'
import { keys } from '../server.ts'
import type { Deserved, Due } from './deserved.ts'
import type { Stored, StoredEvent, StoredTrait } from './stored.ts'
import { emptyVerdict, type Verdict } from './verdict.ts'

/**
 * Position for position: every event as it was sent, once, with all of its traits and consents; every rejected item once.
 * @param due the events that have to be there, those of imports included
 */
export function judgeFacts(due: ReadonlyMap<Position, Due>, deserved: Deserved, stored: Stored): Verdict {
  const verdict = emptyVerdict()
  for (const { position, key } of deserved.strange)
    verdict.torn.push(`position ${position} of the log holds ${key}, which was not sent like that`)
  judgeEvents(due, stored, verdict)
  judgeTraits(due, stored, verdict)
  judgeConsents(due, stored, verdict)
  judgeRejected(deserved, stored, verdict)
  return verdict
}

function judgeEvents(due: ReadonlyMap<Position, Due>, { events }: Stored, verdict: Verdict): void {
  const byPosition = Map.groupBy(events, ({ position }) => position)
  for (const [position, { key, item, at, messageId }] of due) {
    const [row, ...more] = byPosition.get(position) ?? []
    if (!row) verdict.lost.push(`${key} at ${position} is in the log and not in events`)
    if (more.length > 0) verdict.duplicated.push(`${key} at ${position} is in events ${1 + more.length} times`)
    const expected = { at: at ?? row?.at, event: item.event, message_id: messageId, hashes: item.identifiers.map(hashOf) }
    const found = row && { at: row.at, event: row.event, message_id: row.message_id, hashes: row.hashes }
    if (found && !isDeepEqual(expected, found))
      verdict.torn.push(`${key} at ${position} is stored as ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`)
  }
  for (const [position, rows] of byPosition)
    if (!due.has(position)) verdict.duplicated.push(`${rows[0]?.message_id} at ${position} is in events, and should not be`)
}

function judgeTraits(due: ReadonlyMap<Position, Due>, { events, traits }: Stored, verdict: Verdict): void {
  const byPosition = Map.groupBy(traits, ({ position }) => position)
  const eventAt = new Map(events.map(event => [event.position, event]))
  for (const [position, { key: name, item }] of due) {
    const rows = byPosition.get(position) ?? []
    const expected = traitRowsOf(item.traits)
    const found = new Map(rows.map(row => [row.key, row]))
    if (rows.length > found.size) verdict.duplicated.push(`traits of ${name} at ${position} are stored more than once`)
    const wrong = [...expected].filter(([key, value]) => !isSaid(found.get(key), value, eventAt.get(position))).map(([key]) => key)
    if (wrong.length > 0 || found.size !== expected.size)
      verdict.torn.push(`${name} at ${position} has the traits ${[...found.keys()]} instead of ${[...expected.keys()]}; wrong are ${wrong}`)
  }
  for (const position of byPosition.keys())
    if (!due.has(position)) verdict.torn.push(`there are traits at ${position}, and no event deserves them`)
}

function isSaid(row: StoredTrait | undefined, value: Json, event: StoredEvent | undefined): boolean {
  if (!row || !event || row.leaf !== event.leaf || row.at !== event.at || row.range !== event.range) return false
  if (!isDeepEqual(row.hashes, event.hashes)) return false
  if (value === null) return row.op === 'unset'
  if (row.op !== 'set') return false
  return value === hidden ? /^h:[0-9a-f]{16}$/.test(String(row.value)) : isDeepEqual(row.value, value)
}

/** Stands for a personal value, of which ClickHouse sees a keyed hash. */
const hidden = 'hidden'

/** What ClickHouse has to hold of the traits that a message sets. */
function traitRowsOf(traits: Item['traits']): Map<string, Json> {
  return new Map(
    Object.entries(traits).flatMap(([key, value]): [string, Json][] => {
      const facets = personal[key]?.(String(value))
      if (facets) return [[key, hidden], ...Object.entries(facets)]
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
      return [[key, isObject ? JSON.stringify(value) : value]]
    }),
  )
}

const personal: Record<string, (value: string) => Record<string, Json>> = {
  firstName: () => ({}),
  phone: () => ({ 'phone.carrier': 'telecom' }),
  email: () => ({ 'email.domain': 'example.com' }),
  birthday: value => ({ 'birthday.year': Number(value.slice(0, 4)), 'birthday.monthDay': value.slice(5) }),
}

function judgeConsents(due: ReadonlyMap<Position, Due>, { events, consents, proofs }: Stored, verdict: Verdict): void {
  const eventAt = new Map(events.map(event => [event.position, event]))
  for (const [table, rows] of Object.entries({ consents, proofs })) {
    const byPosition = Map.groupBy(rows, ({ position }) => position)
    for (const [position, { key, item }] of due) {
      const found = byPosition.get(position) ?? []
      const said = Object.fromEntries(found.map(({ purpose, given }) => [purpose, given]))
      if (found.length > Object.keys(said).length) verdict.duplicated.push(`${table} of ${key} at ${position} are there more than once`)
      const isAstray = found.some(({ leaf }) => leaf !== eventAt.get(position)?.leaf)
      if (isAstray || !isDeepEqual(said, item.consents))
        verdict.torn.push(`${table} of ${key} at ${position} are ${JSON.stringify(said)}, not ${JSON.stringify(item.consents)}`)
    }
    for (const position of byPosition.keys())
      if (!due.has(position)) verdict.torn.push(`there are ${table} at ${position}, and no event deserves them`)
  }
}

function judgeRejected(deserved: Deserved, { rejected }: Stored, verdict: Verdict): void {
  const rows = new Map(rejected.map(row => [row.position, row]))
  for (const [position, { key, code }] of deserved.rejected) {
    const row = rows.get(position)
    if (!row) verdict.lost.push(`${key} at ${position} was refused and is not kept as rejected`)
    else if (row.code !== code) verdict.torn.push(`${key} at ${position} was rejected as ${row.code} instead of ${code}`)
  }
  for (const { position } of rejected)
    if (!deserved.rejected.has(position)) verdict.duplicated.push(`position ${position} is kept as rejected, and should not be`)
}

/** Imports have a partition of their own, above those of the log. */
export function isFromLog({ position }: { position: Position }): boolean {
  return position < 2 ** 48
}

export function hashOf({ namespace, value }: { namespace: string; value: string }): string {
  return BigInt.asUintN(64, keys.blindIndex(namespace, value).hash).toString()
}

/** For JSON; the order of keys does not matter. */
export function isDeepEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const [left, right] = [Object.entries(a), Object.entries(b)]
  return left.length === right.length && left.every(([key, value]) => isDeepEqual(value, (b as Record<string, unknown>)[key]))
}
