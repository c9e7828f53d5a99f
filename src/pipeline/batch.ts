import type { CanonicalEvent, Json, Rejection } from '../collect/event.ts'
import { decodeRecord } from '../collect/record.ts'
import type { LogRecord } from '../log/log.ts'
import { type Position, positionOf } from '../log/position.ts'

/** What stands at one position: an event, or an item that a front door refused. */
export type BatchItem = { event: CanonicalEvent; raw?: () => Json } | { rejected: RejectedItem }

export interface RejectedItem {
  source: string
  receivedAt: number
  rejection: Rejection
  /** The item as it came; kept sealed. */
  item: Json
}

/** Consecutive positions, decided together. */
export interface Batch {
  range: Position
  items: BatchItem[]
}

export function untilOf(batch: Batch): Position {
  return batch.range + batch.items.length
}

/** The batch that consecutive log records make. */
export function batchOf(records: readonly LogRecord[]): Batch {
  const [first] = records
  if (!first) throw new Error('a batch has at least one record')
  return { range: positionOf(first.partition, first.offset), items: records.flatMap(itemsOf) }
}

function itemsOf(record: LogRecord): BatchItem[] {
  const { source, receivedAt, items } = decodeRecord(record)
  return items.map(item => ('event' in item ? item : { rejected: { source, receivedAt, rejection: item.rejection, item: item.item } }))
}
