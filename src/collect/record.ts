import type { LogRecord } from '../log/log.ts'
import { type Position, positionOf } from '../log/position.ts'
import { parseBody } from './body.ts'
import type { CanonicalEvent, Json, Rejection } from './event.ts'
import { type DecodedRequest, type Format, type IndexedRejection, isList } from './format.ts'
import { formatNamed } from './formats/index.ts'
import { keptItem } from './kept-item.ts'

/** What is kept of a request beside its bytes. */
export interface Envelope {
  format: string
  form: string
  source: string
  channel: CanonicalEvent['channel']
  receivedAt: number
  /** Of the sender; an empty text where it is not known. */
  ip: string
  /** Items that were not taken, by their place in the request. */
  rejected: readonly IndexedRejection[]
  /** The message id of an item without one; else one made of its position. */
  fallbackId?: string
  /** Nothing in the request could be taken: it stands in the log as one rejected item. */
  refused?: Rejection
}

/** Bytes before the body that a record can be written into without copying it. */
export const headroom = 512

/**
 * Layout: version (1 byte), length of the envelope (4 bytes), envelope as JSON, body as it came.
 * The body is not compressed: at any level that cost more, measured, than encrypting and writing the rest.
 * @param body where `room` more bytes precede it in its memory, they are overwritten and the body is not copied
 */
export function encodeRecord(envelope: Envelope, body: Buffer, room = 0): Buffer {
  const text = textOf(envelope)
  const length = Buffer.byteLength(text) + prefix
  const roomy = room >= length
  const record = roomy ? Buffer.from(body.buffer, body.byteOffset - length, length + body.length) : Buffer.allocUnsafe(length + body.length)
  record[0] = version
  record.writeUInt32BE(length - prefix, 1)
  record.write(text, prefix)
  if (!roomy) record.set(body, length)
  return record
}

const version = 1
const prefix = 5

/** Equal rejections are kept once: thousands of items may fail for one reason. */
interface Packed extends Omit<Envelope, 'rejected'> {
  rejected?: (Rejection & { at: number[] })[]
}

/** Nearly every request is as plain as this, so its text is put together without a detour. */
function textOf(envelope: Envelope): string {
  const { format, form, source, channel, receivedAt, ip, rejected, refused, fallbackId } = envelope
  if (rejected.length > 0 || refused !== undefined || fallbackId !== undefined) return JSON.stringify(packed(envelope))
  return `{"format":"${format}","form":"${form}","source":"${source}","channel":"${channel}","receivedAt":${receivedAt},"ip":${JSON.stringify(ip)}}`
}

function packed({ rejected, ...rest }: Envelope): Packed {
  return rejected.length === 0 ? rest : { ...rest, rejected: grouped(rejected) }
}

function grouped(rejected: readonly IndexedRejection[]): (Rejection & { at: number[] })[] {
  const byFault = new Map<string, Rejection & { at: number[] }>()
  for (const { index, code, path, message } of rejected) {
    const fault = `${code} ${path}`
    const known = byFault.get(fault)
    if (known) known.at.push(index)
    else byFault.set(fault, { code, path, message, at: [index] })
  }
  return [...byFault.values()]
}

function unpacked({ rejected = [], ...rest }: Packed): Envelope {
  return { ...rest, rejected: rejected.flatMap(({ at, ...fault }) => at.map(index => ({ index, ...fault }))) }
}

/** A request as the pipeline reads it: the item at `items[n]` has the position of the record plus n. */
export interface DecodedRecord {
  source: string
  receivedAt: number
  format: string
  form: string
  items: DecodedItem[]
}

export type DecodedItem =
  /** `raw` is the item as it came, to be kept where nobody can own the event after all. */
  { event: CanonicalEvent; raw: () => Json } | { rejection: Rejection; item: Json }

/**
 * What was collected in one request. An item that cannot be decoded, which would be a fault of ours, comes back as a rejection:
 * the log must never stand still over one message.
 * @throws when the record was written by a later version
 */
export function decodeRecord(record: LogRecord): DecodedRecord {
  const { payload } = record
  if (payload[0] !== version) throw new Error(`a record of version ${payload[0]} cannot be read by this one: start the newer version`)
  const end = prefix + payload.readUInt32BE(1)
  const envelope = unpacked(JSON.parse(payload.toString('utf8', prefix, end)))
  const { source, receivedAt, format, form } = envelope
  return { source, receivedAt, format, form, items: itemsOf(record, envelope, payload.subarray(end)) }
}

function itemsOf(record: LogRecord, envelope: Envelope, bytes: Buffer): DecodedItem[] {
  if (envelope.refused) return [{ rejection: envelope.refused, item: keptItem(envelope, { form: envelope.form, message: excerpt(bytes) }) }]
  const format = formatNamed(envelope.format)
  const body = parseBody(bytes)?.value
  const items = format.items(body, envelope.form)
  if (!isList(items) || items.length !== record.count) return unmade(record, envelope, bytes)
  const faults = new Map(envelope.rejected.map(({ index, code, path, message }) => [index, { code, path, message }]))
  return items.map((item, index): DecodedItem => {
    const raw = () => keptItem(envelope, format.standalone(item, { form: envelope.form, body }))
    const rejection = faults.get(index)
    if (rejection) return { rejection, item: raw() }
    const { form, source, channel, receivedAt, ip } = envelope
    const fallbackId = envelope.fallbackId ?? idAt(positionOf(record.partition, record.offset + index))
    const event = decoded(format, item, { form, body, source, channel, receivedAt, fallbackId, ...(ip === '' ? {} : { ip }) })
    return event ? { event, raw } : { rejection: undecodable, item: raw() }
  })
}

/** The message id that an item without one has by its place in the log. */
export function idAt(position: Position): string {
  return `zhike-${position}`
}

/** The bytes do not hold the items they were made of: nothing is lost, and the log goes on. */
function unmade({ count }: LogRecord, envelope: Envelope, bytes: Buffer): DecodedItem[] {
  const item = keptItem(envelope, { form: envelope.form, message: excerpt(bytes) })
  return Array.from({ length: count }, () => ({ rejection: undecodable, item }))
}

const undecodable: Rejection = {
  code: 'undecodable',
  path: '',
  message: 'The item was taken but cannot be decoded: a fault of the collector, replay it after an update.',
}

function decoded(format: Format, item: unknown, request: DecodedRequest): CanonicalEvent | undefined {
  try {
    return format.decode(item, request)
  } catch {
    return undefined
  }
}

/** A body that could not be read at all is kept as text, up to what a person can look through. */
function excerpt(bytes: Buffer): string {
  return bytes.toString('utf8', 0, 32 * 1024)
}
