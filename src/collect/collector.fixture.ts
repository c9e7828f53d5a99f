import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFileLog } from '../log/file/file-log.ts'
import type { Log } from '../log/log.ts'
import { type CollectorOptions, createCollector, type Observation } from './collector.ts'
import type { CanonicalEvent, Rejection } from './event.ts'
import { type DecodedItem, decodeRecord } from './record.ts'
import type { Source } from './sources.ts'

export const writeKey = 'zw_test'
export const source: Source = { key: 'shop', name: 'Shop', kind: 'other', enabled: true, createdAt: Date.UTC(2026, 0, 1) }
export const disabledKey = 'zw_disabled'

/** A collector on a port of its own, over a real log. */
export interface TestCollector {
  url: string
  log: Log
  seen: Observation[]
  faults: unknown[]
  /** Everything the log holds, in order. */
  items(): Promise<DecodedItem[]>
  events(): Promise<CanonicalEvent[]>
  rejections(): Promise<Rejection[]>
  close(): Promise<void>
}

export async function startCollector(options: Partial<CollectorOptions> & { partitions?: number } = {}): Promise<TestCollector> {
  const directory = mkdtempSync(join(tmpdir(), 'zhike-collect-'))
  const now = options.now ?? Date.now
  const log = options.log ?? (await openFileLog({ directory, key: Buffer.alloc(32, 1), now, partitions: options.partitions ?? 1 }))
  const known = new Map([
    [writeKey, source],
    [disabledKey, { ...source, key: 'old', enabled: false }],
  ])
  const seen: Observation[] = []
  const faults: unknown[] = []
  const collector = createCollector({
    log,
    now,
    sources: { withWriteKey: key => known.get(key) },
    observe: happened => seen.push(happened),
    onFault: error => faults.push(error),
    ...options,
  })
  const server = createServer((req, res) => {
    void collector.handle(req, res).then(handled => handled || res.writeHead(404).end('not the collector'))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const items = () => itemsIn(log)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    seen,
    faults,
    items,
    events: async () => (await items()).flatMap(item => ('event' in item ? [item.event] : [])),
    rejections: async () => (await items()).flatMap(item => ('rejection' in item ? [item.rejection] : [])),
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await log.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function itemsIn(log: Log): Promise<DecodedItem[]> {
  const items: DecodedItem[] = []
  for (let partition = 0; partition < log.partitions; partition++) {
    let from = log.start(partition)
    while (from < log.end(partition)) {
      for (const record of await log.read(partition, from, { maxEvents: 1000, maxBytes: 1 << 24 })) {
        items.push(...decodeRecord(record).items)
        from = record.offset + record.count
      }
    }
  }
  return items
}

export function basic(key: string): string {
  return `Basic ${Buffer.from(`${key}:`).toString('base64')}`
}
