import { crc32 } from 'node:zlib'
import type { Log } from '../log/log.ts'
import { type Parsed, parseBody } from './body.ts'
import type { Json, Rejection } from './event.ts'
import { type CheckedRequest, type Format, type IndexedRejection, isList } from './format.ts'
import { keepable } from './kept-item.ts'
import { type Envelope, encodeRecord } from './record.ts'

/** A request of a known source, whole. */
export interface Received {
  format: Format
  form: string
  source: string
  channel: Envelope['channel']
  receivedAt: number
  ip: string
  bytes: Buffer
  /** Bytes before `bytes` that may be overwritten (see `encodeRecord`). */
  room: number
  /** What the bytes say, where that is known already. */
  parsed?: Parsed | undefined
  /** See `Envelope`. */
  fallbackId?: string
}

/** What becomes of a request once its records are durable: what is rejected is kept too, with its reason. */
export interface Examined {
  records: Entry[]
  items: number
  rejected: readonly IndexedRejection[]
  /** Nothing could be taken, and this is the first reason. */
  refused: Rejection | undefined
}

export interface Entry {
  partition: number
  payload: Buffer
  count: number
}

const notJson: Rejection = { code: 'invalid_json', path: '', message: 'The body is not JSON.' }
const nothing: readonly IndexedRejection[] = []

/** Checks every item and makes the records that keep the request, in the fewest partitions that its items allow. */
export function examine(request: Received, partitions: number): Examined {
  const { format, form, bytes, receivedAt } = request
  // A request that is split has to be parsed anyway.
  const sound = partitions === 1 && request.parsed === undefined ? format.countSound(bytes, form, receivedAt) : 0
  if (sound > 0) return { records: [whole(request, sound, nothing)], items: sound, rejected: nothing, refused: undefined }
  const parsed = request.parsed ?? parseBody(bytes)
  const items = parsed === undefined ? notJson : format.items(parsed.value, form)
  if (parsed === undefined || !isList(items)) return unreadable(request, isList(items) ? notJson : items)
  const checked: CheckedRequest = { form, body: parsed.value, escaped: parsed.escaped, receivedAt }
  const rejected = faultsOf(items, format, checked)
  const records = partitions === 1 ? [whole(request, items.length, rejected)] : parts(request, items, rejected, checked, partitions)
  return { records, items: items.length, rejected, refused: rejected.length === items.length ? rejected[0] : undefined }
}

/** @throws LogFull, LogClosed: then nothing may be acknowledged, though some of the records may stay */
export function append(log: Log, records: readonly Entry[]): Promise<unknown> {
  const [only] = records
  if (only && records.length === 1) return log.append(only.partition, only.payload, only.count)
  return Promise.all(records.map(({ partition, payload, count }) => log.append(partition, payload, count)))
}

function unreadable(request: Received, because: Rejection): Examined {
  const payload = encodeRecord({ ...envelopeOf(request, nothing), refused: because }, request.bytes, request.room)
  return { records: [{ partition: 0, payload, count: 1 }], items: 1, rejected: [{ index: 0, ...because }], refused: because }
}

function faultsOf(items: readonly unknown[], format: Format, checked: CheckedRequest): readonly IndexedRejection[] {
  let faults: IndexedRejection[] | undefined
  for (let index = 0; index < items.length; index++) {
    const fault = format.check(items[index], checked)
    if (fault === undefined) continue
    faults ??= []
    faults.push({ index, code: fault.code, path: fault.path, message: fault.message })
  }
  return faults ?? nothing
}

function envelopeOf(request: Received, rejected: readonly IndexedRejection[]): Envelope {
  const { format, form, source, channel, receivedAt, ip, fallbackId } = request
  const envelope: Envelope = { format: format.name, form, source, channel, receivedAt, ip, rejected }
  if (fallbackId !== undefined) envelope.fallbackId = fallbackId
  return envelope
}

function whole(request: Received, count: number, rejected: readonly IndexedRejection[]): Entry {
  return { partition: 0, payload: encodeRecord(envelopeOf(request, rejected), request.bytes, request.room), count }
}

/** One record in each partition that items of the request belong to. */
function parts(
  request: Received,
  items: readonly unknown[],
  rejected: readonly IndexedRejection[],
  checked: CheckedRequest,
  partitions: number,
): Entry[] {
  const faults = new Map(rejected.map(fault => [fault.index, fault]))
  const partitionOf = (index: number) => (faults.has(index) ? 0 : crc32(request.format.partitionKey(items[index], checked)) % partitions)
  return [...Map.groupBy(items.keys(), partitionOf)].map(([partition, indexes]) => {
    const part = request.format.carrying(
      indexes.map(index => (faults.has(index) ? keepable(items[index] as Json) : items[index])),
      checked.body,
      checked.form,
    )
    const own = indexes.flatMap((index, place) => atPlace(faults.get(index), place))
    const payload = encodeRecord({ ...envelopeOf(request, own), form: part.form }, Buffer.from(JSON.stringify(part.body)))
    return { partition, payload, count: indexes.length }
  })
}

function atPlace(fault: IndexedRejection | undefined, place: number): IndexedRejection[] {
  return fault ? [{ ...fault, index: place }] : []
}
