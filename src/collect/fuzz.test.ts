import { expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import type { LogRecord } from '../log/log.ts'
import { Draft } from '../pipeline/draft.ts'
import { writeRange } from '../pipeline/facts.ts'
import { idColumns, rowsOf } from '../pipeline/rows.ts'
import { keysFrom } from '../privacy/keys.ts'
import { parseBody } from './body.ts'
import type { CanonicalEvent } from './event.ts'
import { examine } from './examine.ts'
import { formats } from './formats/index.ts'
import { chance, mutated } from './fuzz.fixture.ts'
import { decodeRecord } from './record.ts'
import { type RejectedItem, rejectedPositions, saveRejected } from './rejected.ts'

const { postgres, clickhouse } = await testStores()
const keys = keysFrom('the secret of these tests')
const receivedAt = Date.UTC(2026, 9, 1, 8)
const runs = Number(process.env.ZHIKE_FUZZ ?? 4000)
const seed = Number(process.env.ZHIKE_FUZZ_SEED ?? 1)

test(`${runs} mutated bodies crash nothing, and what is let pass is decoded and stored`, { timeout: 60_000 + runs * 10 }, async () => {
  const random = chance(seed)
  const seen = { events: 0, rejected: 0, sound: 0 }
  let events: Placed[] = []
  let rejected: RejectedItem[] = []
  let position = 0
  for (let run = 0; run < runs; run++) {
    const bytes = mutated(random)
    const format = formats[random(formats.length)] ?? formats[0]
    if (!format) throw new Error('there is a format')
    const form = ['batch', 'import', 'track', 'identify'][random(8)] ?? 'batch'
    const request = {
      format,
      form,
      source: 'shop',
      channel: 'other' as const,
      receivedAt,
      ip: '192.0.2.1',
      bytes,
      room: 0,
      parsed: parseBody(bytes),
    }
    const careful = examine(request, 1 + random(3))
    const sound = format.countSound(bytes, form, receivedAt)
    if (sound > 0) {
      expect([careful.items, careful.rejected], `seed ${seed}, run ${run}`).toEqual([sound, []])
      seen.sound++
    }
    for (const { payload, count } of careful.records) {
      const record: LogRecord = { partition: 0, offset: position, count, appendedAt: receivedAt, payload }
      const { items } = decodeRecord(record)
      expect(items).toHaveLength(count)
      for (const item of items) {
        if ('event' in item) {
          events.push({ position, event: checked(item.event) })
          expect(() => JSON.stringify(item.raw())).not.toThrow()
        } else {
          expect(item.rejection.code, `seed ${seed}, run ${run}`).not.toBe('undecodable')
          rejected.push({ position, source: 'shop', receivedAt, ...item })
        }
        position++
      }
    }
    if (events.length + rejected.length < 5000 && run + 1 < runs) continue
    await store(events, rejected)
    seen.events += events.length
    seen.rejected += rejected.length
    events = []
    rejected = []
  }
  expect(seen.events).toBeGreaterThan(runs / 10)
  expect(seen.rejected).toBeGreaterThan(runs / 10)
  expect(seen.sound).toBeGreaterThan(runs / 20)
})

interface Placed {
  position: number
  event: CanonicalEvent
}

function checked(event: CanonicalEvent): CanonicalEvent {
  expect(event.identifiers.length).toBeGreaterThan(0)
  expect(Number.isInteger(event.ts)).toBe(true)
  expect(event.historical || event.ts <= receivedAt).toBe(true)
  return event
}

async function store(events: readonly Placed[], rejected: readonly RejectedItem[]): Promise<void> {
  const first = events[0]?.position ?? 0
  const draft = new Draft(first, { redact: event => event, look: () => undefined, listsIn: () => [] })
  for (const { position, event } of events) draft.add(position - first, event)
  const facts = draft.kept.map(event => ({ position: event.position, leaf: 1, event, identifiers: '["1"]' }))
  const rows = rowsOf(draft, facts, change => [[change.key, change.op === 'set' ? change.value : null]])
  await writeRange(clickhouse, first, rows)
  for (const [table, { count }] of rows) {
    const [row] = await clickhouse.query<{ stored: number }>(
      `select uniqExact(${idColumns[table]}) as stored from ${table} where range = {first:UInt64}`,
      { first },
    )
    expect(row?.stored, table).toBe(count)
  }
  const [times] = await clickhouse.query<{ sum: number }>(
    'select sum(toUnixTimestamp64Milli(ts)) as sum from events where range = {first:UInt64}',
    { first },
  )
  expect(times?.sum).toBe(events.reduce((sum, { event }) => sum + event.ts, 0))
  await postgres.transaction(tx => saveRejected(tx, keys, rejected))
  const kept = await rejectedPositions(postgres, rejected[0]?.position ?? 0, (rejected.at(-1)?.position ?? -1) + 1)
  expect(kept).toHaveLength(rejected.length)
}
