import type { MappingDocument } from '../mapping/mapping.ts'
import { readAnyMoment } from '../mapping/moments.ts'
import { type ColumnSort, sortOfColumn, wordsOf } from './known-columns.ts'
import type { ObservedColumn } from './observed.ts'

/** A mapping to begin with, and what somebody must look at before it is used. */
export interface Proposal {
  mapping: MappingDocument
  notes: string[]
}

type Known = ObservedColumn & { sort: ColumnSort | undefined }
type Target = NonNullable<MappingDocument['props']>[string]

/**
 * Proposes a mapping from the header and the first rows. A file with a time and an order, an amount or an event is one of events; others are
 * one of profiles.
 * @param zone of the workspace: what times without an offset are taken for
 */
export function proposeMapping(columns: readonly ObservedColumn[], name: string, zone: string): Proposal {
  const known: Known[] = columns.map(column => ({ ...column, sort: sortOfColumn(column.name) }))
  const identifiers = identifiersIn(known)
  const time = timeIn(known)
  const amount = amountIn(known)
  const event = known.find(({ sort }) => sort?.is === 'event')
  const order = known.find(({ sort }) => sort?.is === 'order')
  const isEvents = time !== undefined && (order !== undefined || amount !== undefined || event !== undefined || !hasTraits(known))
  const notes = notesOn(known, { identifiers, time, zone, isEvents, hasOrder: order !== undefined })
  const source = sourceFrom(name)
  const base = { source, identifiers: Object.fromEntries(identifiers.map(column => [column.name, namespaceOf(column)])) }
  const consents = known.flatMap(column => (column.sort?.is === 'consent' ? [consent(column, column.sort.purpose)] : []))
  const shared = { ...base, ...(consents.length > 0 ? { consents } : {}) }
  const used = new Set([...identifiers, ...known.filter(({ sort }) => sort?.is === 'consent')].map(column => column.name))

  if (!isEvents || !time) {
    const traits = Object.fromEntries(known.filter(column => !used.has(column.name)).map(column => [column.name, traitOf(column)]))
    return { mapping: { ...shared, kind: 'profiles', traits }, notes }
  }
  for (const column of [...time.columns, ...(event ? [event] : []), ...(amount ? [amount] : [])]) used.add(column.name)
  const props = Object.fromEntries(known.filter(column => !used.has(column.name)).map(column => [column.name, propOf(column)]))
  return {
    mapping: {
      ...shared,
      kind: 'events',
      event: event ? eventFrom(event) : order || amount ? 'Order Completed' : nameFrom(name),
      time: { column: timeColumn(time), ...(isZoned(time.columns[0]) ? {} : { zone }) },
      ...(amount && amount.sort?.is === 'amount' ? { amount: { column: amount.name, unit: amount.sort.unit, currency: 'CNY' } } : {}),
      ...(order && isUnique(order) ? { messageId: [order.name] } : {}),
      props,
    },
    notes,
  }
}

function identifiersIn(known: readonly Known[]): Known[] {
  const namespaces = new Set<string>()
  return known.filter(({ sort, filled }) => {
    if (sort?.is !== 'identifier' || filled === 0 || namespaces.has(sort.namespace)) return false
    namespaces.add(sort.namespace)
    return true
  })
}

/** An openid means nothing without the application it belongs to. */
function namespaceOf({ sort }: Known): string {
  const namespace = sort?.is === 'identifier' ? sort.namespace : 'custom'
  if (namespace === 'openid') return 'openid:APPID'
  return namespace === 'external_userid' ? 'external_userid:CORPID' : namespace
}

interface TimeColumns {
  columns: Known[]
}

function timeIn(known: readonly Known[]): TimeColumns | undefined {
  const rank = ({ sort }: Known) => (sort?.is === 'time' ? sort.rank : -1)
  const times = known.filter(column => rank(column) >= 0 && column.filled > 0 && isMoment(column))
  const [best] = times.sort((a, b) => rank(b) - rank(a))
  if (best) return { columns: [best] }
  const day = known.find(column => column.sort?.is === 'date-of-day' && isMoment(column))
  const clock = known.find(({ sort }) => sort?.is === 'time-of-day')
  if (day) return { columns: clock ? [day, clock] : [day] }
  const other = known.find(({ type, sort }) => type === 'datetime' && sort === undefined)
  return other && { columns: [other] }
}

/** Written as a moment, or in a way that a format can explain. */
function isMoment({ type, values, isAmbiguousDate }: Known): boolean {
  return type === 'date' || type === 'datetime' || isAmbiguousDate || values.every(value => readAnyMoment(value) !== undefined)
}

function isZoned(column: Known | undefined): boolean {
  return column?.values.every(value => readAnyMoment(value)?.offsetMs !== undefined) ?? false
}

function timeColumn({ columns: [first, second] }: TimeColumns): string | [string, string] {
  return second ? [first?.name ?? '', second.name] : (first?.name ?? '')
}

function amountIn(known: readonly Known[]): Known | undefined {
  const rank = ({ sort }: Known) => (sort?.is === 'amount' ? sort.rank : -1)
  return known.filter(column => rank(column) >= 2 && column.type === 'number').sort((a, b) => rank(b) - rank(a))[0]
}

function hasTraits(known: readonly Known[]): boolean {
  return known.some(({ sort }) => sort?.is === 'trait')
}

/** Every row of a file of orders has its own number; where a number comes again, rows are lines of an order. */
function isUnique({ distinct, filled }: ObservedColumn): boolean {
  return filled > 0 && distinct === filled
}

const eventNames: Record<string, string> = {
  view: 'Product Viewed',
  浏览: 'Product Viewed',
  cart: 'Product Added',
  加购: 'Product Added',
  purchase: 'Order Completed',
  购买: 'Order Completed',
  下单: 'Order Completed',
}

function eventFrom(column: Known): MappingDocument['event'] {
  const names = Object.fromEntries(column.values.flatMap(value => (eventNames[value] ? [[value, eventNames[value]]] : [])))
  return { column: column.name, ...(Object.keys(names).length > 0 ? { names } : {}) }
}

function consent({ name, values }: Known, purpose: string) {
  const given = values.filter(value => /^(y|yes|true|1|是|同意|on)$/i.test(value))
  return { column: name, purpose, given: given.length > 0 ? given : ['1'] }
}

function traitOf(column: Known): Target {
  if (column.sort?.is !== 'trait') return propOf(column)
  const { key, type } = column.sort
  return type === 'string' || (type === 'date' && !isMoment(column)) || (type === 'number' && column.type !== 'number')
    ? key
    : { key, type }
}

function propOf(column: Known): Target {
  const key = keyFrom(column.name)
  const isName =
    column.sort?.is === 'order' || column.sort?.is === 'identifier' || /(^|_)(id|no|code|sku|upc|编号|号)$/.test(wordsOf(column.name))
  return column.type === 'string' || isName ? key : { key, type: column.type }
}

/** A dot in a key would make it a path. */
function keyFrom(column: string): string {
  return (
    wordsOf(column)
      .replace(/[.\s]+/g, '_')
      .replace(/^\$+/, '') || 'column'
  )
}

function sourceFrom(name: string): string {
  return (
    name
      .toLowerCase()
      .replace(/\.(csv|tsv|txt|ndjson|jsonl|json|gz)\b/g, '')
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 64) || 'import'
  )
}

/** `campaigns.csv` → `Campaigns`. */
function nameFrom(name: string): string {
  const words = sourceFrom(name).replace(/-+/g, ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

interface Found {
  identifiers: Known[]
  time: TimeColumns | undefined
  zone: string
  isEvents: boolean
  hasOrder: boolean
}

function notesOn(known: readonly Known[], { identifiers, time, zone, isEvents, hasOrder }: Found): string[] {
  const [timeColumnFound] = time?.columns ?? []
  const order = known.find(({ sort }) => sort?.is === 'order')
  const said = [
    identifiers.length === 0 && 'No column was recognised as an identifier: say in "identifiers" whose the rows are.',
    identifiers.some(column => /^(openid|external_userid)/.test(namespaceOf(column))) &&
      'Put the id of the application (APPID) or the company (CORPID) behind the namespace: the same text under two of them is two people.',
    !isEvents && !time && 'No column was recognised as the time: the rows are taken for what people are like now.',
    timeColumnFound?.isAmbiguousDate &&
      `In "${timeColumnFound.name}" it cannot be told whether the day or the month comes first: give "time" a "format" such as DD/MM/YYYY HH:mm.`,
    isEvents && timeColumnFound && !isZoned(timeColumnFound) && `Times without an offset are taken for ${zone}.`,
    isEvents &&
      hasOrder &&
      order &&
      !isUnique(order) &&
      `"${order.name}" comes on more than one row: each row becomes an event of its own, and identical rows count as often as they stand there.`,
    isEvents && !hasOrder && 'No column tells one row from every other: identical rows of one file count as often as they stand there.',
  ]
  return said.filter(note => typeof note === 'string')
}
