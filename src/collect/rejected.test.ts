import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { positionOf } from '../log/position.ts'
import { keysFrom } from '../privacy/keys.ts'
import { basic, startCollector, type TestCollector, writeKey } from './collector.fixture.ts'
import { decodeRecord } from './record.ts'
import { forgetRejected, type RejectedItem, rejectedCounts, rejectedPage, rejectedPositions, saveRejected } from './rejected.ts'
import { replayRejected } from './replay.ts'

const { postgres } = await testStores()
const keys = keysFrom('the secret of these tests')
const start = Date.UTC(2026, 9, 1)
let now = start
let collector: TestCollector

beforeAll(async () => {
  collector = await startCollector({ now: () => now })
})
afterAll(() => collector.close())
beforeEach(() => postgres.query('truncate rejected'))

const parts = () => ({ postgres, keys, log: collector.log, now: () => now })

/** Sends a batch and keeps what was rejected, as the pipeline does. */
async function send(...batch: unknown[]): Promise<RejectedItem[]> {
  const from = collector.log.end(0)
  await fetch(`${collector.url}/v1/batch`, {
    method: 'POST',
    body: JSON.stringify({ batch, sentAt: new Date(now).toISOString() }),
    headers: { authorization: basic(writeKey) },
  })
  const kept = (await collector.log.read(0, from, { maxEvents: 1000, maxBytes: 1 << 24 })).flatMap(record => {
    const { source, receivedAt, items } = decodeRecord(record)
    return items.flatMap((item, index) =>
      'rejection' in item ? [{ position: positionOf(0, record.offset + index), source, receivedAt, ...item }] : [],
    )
  })
  await postgres.transaction(tx => saveRejected(tx, keys, kept))
  return kept
}

const good = { type: 'track', event: 'A', userId: 'u1' }
const nobody = { type: 'track', event: 'Secret Visit', properties: { phone: '19900001234' } }

describe('what is kept', () => {
  test('is found by source, reason and time, the newest first, and is not readable in the table', async () => {
    const [first, second] = await send(good, nobody, { type: 'odd', userId: 'u1' })
    await postgres.transaction(tx => saveRejected(tx, keys, first ? [first] : []))
    const page = await rejectedPage(postgres, keys, { source: 'shop' }, 1)
    expect(page).toMatchObject({
      rejected: [{ id: String(second?.position), rejection: { code: 'unknown_type', path: 'type' }, receivedAt: now }],
      next: String(second?.position),
    })
    expect((await rejectedPage(postgres, keys, {}, 10, page.next)).rejected).toMatchObject([{ item: { message: nobody } }])
    expect((await rejectedPage(postgres, keys, { code: 'no_identifier', from: now, to: now + 1 }, 10)).rejected).toHaveLength(1)
    expect((await rejectedPage(postgres, keys, { to: now }, 10)).rejected).toHaveLength(0)
    expect(await rejectedCounts(postgres, {})).toEqual([
      { source: 'shop', code: 'no_identifier', count: 1 },
      { source: 'shop', code: 'unknown_type', count: 1 },
    ])
    expect(await rejectedPositions(postgres, first?.position ?? 0, second?.position ?? 0)).toEqual([first?.position])
    const [row] = await postgres.query<{ text: string }>(`select encode(item, 'escape') as text from rejected limit 1`)
    expect(row?.text).not.toContain('19900001234')
    expect(await forgetRejected(postgres, now + 1)).toBe(2)
  })
})

describe('replay', () => {
  test('a corrected item is taken with the time at which it first came, once', async () => {
    const [kept] = await send(nobody)
    const id = String(kept?.position)
    now = start + 3_600_000
    const corrected = new Map([[id, { ...nobody, userId: 'u9' }]])
    expect(await replayRejected(parts(), { ids: [id], corrected })).toEqual({ replayed: 1, refused: [] })
    expect(await replayRejected(parts(), { ids: [id], corrected })).toEqual({ replayed: 0, refused: [] })
    expect((await collector.events()).at(-1)).toMatchObject({
      event: 'Secret Visit',
      receivedAt: start,
      ts: start,
      identifiers: [{ value: 'u9' }],
      messageId: `zhike-${id}`,
    })
    expect((await rejectedPage(postgres, keys, { replayed: true }, 10)).rejected).toMatchObject([{ id, replayedAt: now }])
    now = start
  })

  test('what is still wrong stays, with its reason', async () => {
    const [kept] = await send(nobody)
    const before = collector.log.end(0)
    expect(await replayRejected(parts(), {})).toMatchObject({
      replayed: 0,
      refused: [{ id: String(kept?.position), rejection: { code: 'no_identifier' } }],
    })
    expect(collector.log.end(0)).toBe(before)
  })

  test('an item that could not be kept whole is sent again only corrected', async () => {
    const from = collector.log.end(0)
    await fetch(`${collector.url}/v1/track`, {
      method: 'POST',
      body: '{"event":"A","userId":"u1","properties":{"n":1e999}}',
      headers: { authorization: basic(writeKey) },
    })
    const [record] = await collector.log.read(0, from, { maxEvents: 1, maxBytes: 1 << 20 })
    const [item] = record ? decodeRecord(record).items : []
    if (!record || !item || !('rejection' in item)) throw new Error('it was taken')
    await postgres.transaction(tx => saveRejected(tx, keys, [{ position: from, source: 'shop', receivedAt: now, ...item }]))
    expect(await replayRejected(parts(), {})).toMatchObject({ replayed: 0, refused: [{ rejection: { code: 'number_out_of_range' } }] })
    expect(await replayRejected(parts(), { corrected: new Map([[String(from), { ...good, properties: { n: 1 } }]]) })).toMatchObject({
      replayed: 1,
    })
  })

  test('many at once, by several at once: each is sent once', async () => {
    const items = Array.from({ length: 450 }, (_, i) => ({ ...nobody, messageId: `r${i}` }))
    const kept = await send(...items)
    const corrected = new Map(kept.map(({ position }, i) => [String(position), { ...good, messageId: `r${i}` }]))
    const from = collector.log.end(0)
    const results = await Promise.all([1, 2, 3].map(() => replayRejected(parts(), { source: 'shop', corrected })))
    expect(results.reduce((sum, { replayed }) => sum + replayed, 0)).toBe(450)
    expect(collector.log.end(0) - from).toBe(450)
  })
})
