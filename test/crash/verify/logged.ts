import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { CanonicalEvent, Json } from '../../../src/collect/event.ts'
import { type DecodedItem, decodeRecord } from '../../../src/collect/record.ts'
import { openFileLog } from '../../../src/log/file/file-log.ts'
import type { Log } from '../../../src/log/log.ts'
import type { Position } from '../../../src/log/position.ts'
import { isObject } from '../messages.ts'
import { keys } from '../server.ts'

/** What stands at a position of the log. */
export interface Logged {
  position: Position
  /** As in `Item`. */
  key: string
  source: string
  receivedAt: number
  /** Missing where the collector refused the item. */
  event?: CanonicalEvent
}

/**
 * Everything in the log of a server that takes nothing at the moment. Read in a copy: opening a log mends what a crash has left, and that is
 * for its server to do.
 * @throws LogCorrupt when the log cannot be read from end to end
 */
export async function readLog(dataDir: string): Promise<Logged[]> {
  const copy = mkdtempSync(join(dataDir, '..', 'log-copy-'))
  cpSync(join(dataDir, 'log'), copy, { recursive: true })
  const log = await openFileLog({ directory: copy, key: keys.derive('log'), now: Date.now, reserveBytes: 0, retainEveryMs: 0 })
  try {
    return await itemsOf(log)
  } finally {
    await log.close()
    rmSync(copy, { recursive: true, force: true })
  }
}

async function itemsOf(log: Log): Promise<Logged[]> {
  const found: Logged[] = []
  for (let next = log.start(0); next < log.end(0); ) {
    const records = await log.read(0, next, { maxEvents: 5_000, maxBytes: 8 * 2 ** 20 })
    for (const record of records) {
      const { source, receivedAt, items } = decodeRecord(record)
      for (const [index, item] of items.entries()) found.push({ position: record.offset + index, source, receivedAt, ...contentOf(item) })
      if (record.offset !== next || items.length !== record.count) throw new Error(`the record at ${record.offset} does not follow ${next}`)
      next = record.offset + record.count
    }
  }
  return found
}

function contentOf(item: DecodedItem): Pick<Logged, 'key' | 'event'> {
  if (!('event' in item)) return { key: keyOfMessage(messageIn(item.item)) }
  const { event } = item
  return { key: event.messageId.startsWith('zhike-') ? String(event.props.mark) : event.messageId, event }
}

/** What is kept of a refused item holds the message as it came. */
function messageIn(kept: Json): Json {
  return isObject(kept) ? (kept.message ?? null) : kept
}

function keyOfMessage(message: Json): string {
  return String(isObject(message) ? message.messageId : message)
}
