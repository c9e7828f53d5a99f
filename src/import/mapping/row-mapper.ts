import type { CanonicalEvent, Identifier, Json, TraitChange } from '../../collect/event.ts'
import { tagTrait } from '../../collect/tag-trait.ts'
import type { RowBlock, RowFault } from '../readers/rows.ts'
import { type Convert, converter, expected, textFrom, unreadable } from './convert.ts'
import { type Condition, columnsOf, type Mapping, refusedMapping, type TypedKey, typed, unitShifts } from './mapping.ts'
import { momentFormat, momentOf } from './moments.ts'
import { SameLists } from './same-lists.ts'
import { amountFrom } from './values.ts'
import { zoneNamed } from './zone.ts'

/** What a row became: an event, a fault, or nothing because the mapping's `where` leaves it out. */
export type Mapped = CanonicalEvent | RowFault | typeof leftOut
export const leftOut: unique symbol = Symbol('left out')

export function isFault(mapped: CanonicalEvent | RowFault): mapped is RowFault {
  return 'reason' in mapped
}

export interface RowSetting {
  source: string
  /** The zone of times for which neither the file nor the mapping has one. */
  zone: string
  /** When the import began: the arrival of every row of it, and the time of profiles whose rows have none. */
  receivedAt: number
  /** What message ids begin with where the mapping names no columns for them. */
  messagePrefix: string
}

export type RowMapper = (block: RowBlock, row: number) => Mapped

/**
 * Makes rows of a file with this header into events. A row is taken as a whole or not at all: the first cell that cannot be read refuses it.
 * @throws Refusal when the mapping names columns that the file does not have, or has twice
 */
export function rowMapper(mapping: Mapping, header: readonly string[], setting: RowSetting): RowMapper {
  checkColumns(mapping, header)
  const cells = cellReader(mapping, header)
  const parts = {
    where: mapping.where.map(condition => conditionOn(condition, cells)),
    name: eventName(mapping, cells),
    time: timeOf(mapping, cells, setting),
    identifiers: identifiersOf(mapping, cells),
    props: [...entriesOf(mapping.props, mapping, cells, setting.zone), ...amountOf(mapping, cells)],
    traits: entriesOf(mapping.traits, mapping, cells, setting.zone),
    tags: entriesOf(mapping.tags, mapping, cells, setting.zone),
    consents: consentsOf(mapping, cells),
    messageId: messageIdOf(mapping, cells, setting.messagePrefix),
  }
  const constantProps = { ...mapping.constants?.props, ...(mapping.amount?.currency ? { currency: mapping.amount.currency } : {}) }
  const constantTraits = Object.entries(mapping.constants?.traits ?? {}).map(([key, value]): TraitChange => ({ key, op: 'set', value }))

  return (block, row) => {
    const broken = block.faultOf(row)
    if (broken) return broken
    for (const holds of parts.where) if (!holds(block, row)) return leftOut
    const event = parts.name(block, row)
    if (typeof event !== 'string') return event
    const ts = parts.time(block, row)
    if (typeof ts !== 'number') return ts
    const identifiers = parts.identifiers(block, row)
    if (!Array.isArray(identifiers)) return identifiers

    const props: CanonicalEvent['props'] = { ...constantProps }
    for (const { key, read } of parts.props) {
      const value = read(block, row)
      if (value === undefined) continue
      if (value instanceof Unreadable) return value.fault
      props[key] = value
    }
    const traits: TraitChange[] = [...constantTraits]
    for (const { key, read } of parts.traits) {
      const value = read(block, row)
      if (value === undefined) continue
      if (value instanceof Unreadable) return value.fault
      traits.push({ key, op: 'set', value })
    }
    for (const { key, read } of parts.tags) {
      const value = read(block, row)
      if (value === undefined) continue
      if (value instanceof Unreadable) return value.fault
      traits.push(value === false ? { key: tagTrait(key), op: 'unset' } : { key: tagTrait(key), op: 'set', value: { value } })
    }
    const consents = parts.consents(block, row)
    if (!Array.isArray(consents)) return consents
    const messageId = parts.messageId(block, row)
    if (typeof messageId !== 'string') return messageId
    return {
      messageId,
      event,
      ts,
      receivedAt: setting.receivedAt,
      source: setting.source,
      channel: 'import',
      historical: true,
      props,
      context: {},
      identifiers,
      traits,
      consents,
    }
  }
}

function checkColumns(mapping: Mapping, header: readonly string[]): void {
  const faults = columnsOf(mapping).flatMap(({ column, path }) => {
    const times = header.filter(name => name === column).length
    if (times === 1) return []
    const known = header.slice(0, 40).map(name => JSON.stringify(name))
    const message =
      times > 1
        ? `names the column ${JSON.stringify(column)}, which the file has ${times} times`
        : `names the column ${JSON.stringify(column)}, which the file does not have; it has ${known.join(', ')}`
    return [{ path, message }]
  })
  if (faults.length > 0) throw refusedMapping(faults)
}

type Cell = Exclude<Json, null>
type ReadCell = (block: RowBlock, row: number) => Cell | undefined

interface Cells {
  /** The cell without spaces around it; undefined where it is empty or a word for nothing. */
  of(column: string, nulls?: readonly string[]): ReadCell
}

function cellReader(mapping: Mapping, header: readonly string[]): Cells {
  return {
    of(column, words = mapping.null) {
      const index = header.indexOf(column)
      const nulls = new Set(words.map(word => word.trim()))
      const longestNull = Math.max(0, ...[...nulls].map(word => word.length))
      return (block, row) => {
        const cell = block.cell(row, index)
        if (typeof cell !== 'string') return cell ?? undefined
        const text = trimmed(cell)
        return text.length === 0 || (text.length <= longestNull && nulls.has(text)) ? undefined : text
      }
    },
  }
}

function trimmed(text: string): string {
  return text.charCodeAt(0) <= 32 ||
    text.charCodeAt(text.length - 1) <= 32 ||
    isWideSpace(text.charCodeAt(0)) ||
    isWideSpace(text.charCodeAt(text.length - 1))
    ? text.trim()
    : text
}

/** The no-break and the ideographic space, which spreadsheets leave behind. */
function isWideSpace(code: number): boolean {
  return code === 0xa0 || code === 0x3000 || code === 0xfeff
}

function conditionOn(condition: Condition, cells: Cells): (block: RowBlock, row: number) => boolean {
  const read = cells.of(condition.column)
  if ('present' in condition) return (block, row) => (read(block, row) !== undefined) === condition.present
  const wanted = 'in' in condition
  const values = new Set(wanted ? condition.in : condition.notIn)
  return (block, row) => values.has(textFrom(read(block, row)) ?? '') === wanted
}

function eventName({ kind, event }: Mapping, cells: Cells): (block: RowBlock, row: number) => string | RowFault | typeof leftOut {
  if (kind === 'profiles' || event === undefined) return () => '$identify'
  if (typeof event === 'string') return () => event
  const { column, names = {}, others } = event
  const read = cells.of(column)
  const missing: RowFault = { code: 'event-missing', column, reason: 'the name of the event is missing' }
  const unknown: RowFault = { code: 'event-unknown', column, reason: 'the mapping does not list this event, and refuses others' }
  const wrong: RowFault = {
    code: 'event-malformed',
    column,
    reason: 'the name of the event must be text of at most 255 characters that does not start with $',
  }
  return (block, row) => {
    const text = textFrom(read(block, row))
    if (text === undefined) return missing
    if (Object.hasOwn(names, text)) return names[text] as string
    if (others === 'leave-out') return leftOut
    if (others === 'reject') return unknown
    return text.length > 255 || text.startsWith('$') || !text.isWellFormed() ? wrong : text
  }
}

function timeOf({ time }: Mapping, cells: Cells, { zone, receivedAt }: RowSetting): (block: RowBlock, row: number) => number | RowFault {
  if (!time) return () => receivedAt
  const [first = '', second] = [time.column].flat()
  const read = momentFormat(time.format)
  const clock = zoneNamed(time.zone ?? zone)
  const readFirst = cells.of(first)
  const readSecond = second === undefined ? undefined : cells.of(second)
  const missing: RowFault = { code: 'time-missing', column: first, reason: 'the time is missing' }
  const wrong: RowFault = { code: 'time-unreadable', column: first, reason: `the time must be ${expected.datetime}` }
  return (block, row) => {
    const text = textFrom(readFirst(block, row))
    if (text === undefined) return missing
    const timeOfDay = readSecond && textFrom(readSecond(block, row))
    const written = read(timeOfDay === undefined ? text : `${text} ${timeOfDay}`)
    return written ? momentOf(written, clock) : wrong
  }
}

function identifiersOf({ identifiers }: Mapping, cells: Cells): (block: RowBlock, row: number) => Identifier[] | RowFault {
  const columns = Object.entries(identifiers).map(([column, namespaces]) => ({
    column,
    namespaces: [namespaces].flat(),
    read: cells.of(column),
  }))
  const names = columns.map(({ column }) => column)
  const none: RowFault = {
    code: 'identifiers-missing',
    column: names.join(' '),
    reason: 'no identifier is given: nobody would own the row',
  }
  const lists = new SameLists(columns.map(({ namespaces }) => namespaces))
  const values: (string | undefined)[] = columns.map(() => undefined)
  return (block, row) => {
    let some = false
    for (let index = 0; index < columns.length; index++) {
      const { column, read } = columns[index] as (typeof columns)[number]
      const cell = read(block, row)
      const value = cell === undefined ? undefined : textFrom(cell)
      if (cell !== undefined && !value?.isWellFormed())
        return { code: 'identifier-unreadable', column, reason: 'an identifier must be text, long numbers too' }
      values[index] = value
      some ||= value !== undefined
    }
    return some ? lists.of(values) : none
  }
}

/** A cell that cannot be read; a class, so that no value of a row can look like it. */
class Unreadable {
  readonly fault: RowFault
  constructor(fault: RowFault) {
    this.fault = fault
  }
}

interface Entry {
  key: string
  read(block: RowBlock, row: number): Cell | Unreadable | undefined
}

function entriesOf(targets: Mapping['props'], mapping: Mapping, cells: Cells, zone: string): Entry[] {
  return Object.entries(targets).map(([column, target]) => entry(column, typed(target), mapping, cells, zone))
}

function entry(column: string, target: TypedKey, mapping: Mapping, cells: Cells, zone: string): Entry {
  const read = cells.of(column, target.null ?? mapping.null)
  const convert: Convert = converter(target, { decimal: mapping.decimal, zone: mapping.time?.zone ?? zone })
  const wrong = new Unreadable({ code: 'wrong-type', column, reason: `the value must be ${expected[target.type]}` })
  return {
    key: target.key,
    read(block, row) {
      const cell = read(block, row)
      if (cell === undefined) return undefined
      const value = convert(cell)
      return value === unreadable ? wrong : value
    },
  }
}

function amountOf(mapping: Mapping, cells: Cells): Entry[] {
  const { amount } = mapping
  if (!amount) return []
  const read = cells.of(amount.column)
  const decimal = amount.decimal ?? mapping.decimal
  const shift = unitShifts[amount.unit]
  const wrong = new Unreadable({ code: 'wrong-amount', column: amount.column, reason: 'the amount must be a number' })
  return [
    {
      key: amount.key,
      read(block, row) {
        const cell = read(block, row)
        if (cell === undefined) return undefined
        const text = typeof cell === 'number' ? String(cell) : cell
        const value = typeof text === 'string' ? amountFrom(text, decimal, shift) : undefined
        return value !== undefined && Math.abs(value) < 2 ** 63 ? value : wrong
      },
    },
  ]
}

type Consents = CanonicalEvent['consents']

function consentsOf({ consents }: Mapping, cells: Cells): (block: RowBlock, row: number) => Consents | RowFault {
  const columns = consents.map(({ column, purpose, given, refused }) => ({
    column,
    purpose,
    given: new Set(given),
    refused: refused && new Set(refused),
    read: cells.of(column),
  }))
  return (block, row) => {
    const found: Consents = []
    for (const { column, purpose, given, refused, read } of columns) {
      const cell = read(block, row)
      if (cell === undefined) continue
      const word = textFrom(cell) ?? ''
      if (!given.has(word) && refused && !refused.has(word)) {
        return { code: 'consent-unreadable', column, reason: 'the mapping lists this word neither as given nor as refused' }
      }
      found.push({ purpose, given: given.has(word) })
    }
    return found
  }
}

/** Columns that hold identifiers stay out of the message id: it is kept as it is. */
function messageIdOf(
  { messageId, identifiers }: Mapping,
  cells: Cells,
  prefix: string,
): (block: RowBlock, row: number) => string | RowFault {
  const byLine = (block: RowBlock, row: number) => `${prefix}${block.lineOf(row)}`
  if (!messageId) return byLine
  const columns = messageId.map(column => ({ column, read: cells.of(column) }))
  const isPersonal = messageId.some(column => Object.hasOwn(identifiers, column))
  return (block, row) => {
    let joined = ''
    for (const { column, read } of columns) {
      const text = textFrom(read(block, row))
      if (text === undefined) return { code: 'message-id-missing', column, reason: 'the column that tells this row from others is empty' }
      joined = joined === '' ? text : `${joined} ${text}`
    }
    if (!joined.isWellFormed())
      return { code: 'message-id-malformed', reason: 'the columns that tell this row from others are not well-formed text' }
    return isPersonal || joined.length > 255 ? byLine(block, row) : joined
  }
}
