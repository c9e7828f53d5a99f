import { expect, test } from 'vitest'
import type { LogRecord } from '../log/log.ts'
import { decodeRecord, type Envelope, encodeRecord, headroom } from './record.ts'

const envelope: Envelope = {
  format: 'segment',
  form: 'batch',
  source: 'shop',
  channel: 'other',
  receivedAt: Date.UTC(2026, 9, 1),
  ip: '192.0.2.1',
  rejected: [],
}
const record = (payload: Buffer, count: number): LogRecord => ({ partition: 1, offset: 40, count, appendedAt: 0, payload })
const body = (...batch: unknown[]) =>
  Buffer.from(
    JSON.stringify({ batch, writeKey: 'zw_secret', sentAt: '2026-10-01T00:00:00Z', context: { library: { name: 'analytics-go' } } }),
  )

const good = { type: 'track', event: 'A', userId: 'u1' }
const bad = { type: 'track', event: 'B' }

test('items come back in their order, the rejected ones with their reason, and all they need to be sent again', () => {
  const fault = { code: 'no_identifier', path: 'userId', message: 'Send userId.' }
  const payload = encodeRecord(
    {
      ...envelope,
      rejected: [
        { index: 1, ...fault },
        { index: 2, ...fault },
      ],
    },
    body(good, bad, { ...bad, sentAt: 'own' }, good),
  )
  const { source, items } = decodeRecord(record(payload, 4))
  expect(source).toBe('shop')
  expect(items.map(item => ('event' in item ? item.event.messageId : item.rejection.code))).toEqual([
    'zhike-281474976710696',
    'no_identifier',
    'no_identifier',
    'zhike-281474976710699',
  ])
  expect(items[1]).toEqual({
    rejection: fault,
    item: {
      format: 'segment',
      form: 'batch',
      channel: 'other',
      ip: '192.0.2.1',
      message: { ...bad, context: { library: { name: 'analytics-go' } }, sentAt: '2026-10-01T00:00:00Z' },
    },
  })
  expect(items[2]).toMatchObject({ item: { message: { sentAt: 'own' } } })
})

test('what is kept of a single request does not hold its write key', () => {
  const payload = encodeRecord({ ...envelope, form: 'track' }, Buffer.from(JSON.stringify({ ...good, writeKey: 'zw_secret' })))
  const [item] = decodeRecord(record(payload, 1)).items
  expect(item && 'event' in item && item.raw()).toMatchObject({ form: 'batch', message: { type: 'track', event: 'A', userId: 'u1' } })
  expect(JSON.stringify(item && 'event' in item && item.raw())).not.toContain('zw_secret')
})

test('a record written into the room before the body is the same as one that is copied', () => {
  const roomy = Buffer.alloc(headroom + body(good).length)
  body(good).copy(roomy, headroom)
  expect(encodeRecord(envelope, roomy.subarray(headroom), headroom)).toEqual(encodeRecord(envelope, body(good)))
  const long = { ...envelope, source: 's'.repeat(headroom) }
  expect(encodeRecord(long, roomy.subarray(headroom), headroom)).toEqual(encodeRecord(long, body(good)))
})

test('an address that is no address does no harm', () => {
  const payload = encodeRecord({ ...envelope, ip: '","form":"import"}\u2028😀' }, body(good))
  expect(decodeRecord(record(payload, 1)).items[0]).toMatchObject({ event: { historical: false } })
})

test('bytes that do not hold what was checked come back as rejections: the log goes on', () => {
  expect(decodeRecord(record(encodeRecord(envelope, Buffer.from('{')), 2)).items).toMatchObject([
    { rejection: { code: 'undecodable' } },
    { rejection: { code: 'undecodable' } },
  ])
  expect(decodeRecord(record(encodeRecord(envelope, body({ type: 'nothing' })), 1)).items).toMatchObject([
    { rejection: { code: 'undecodable' } },
  ])
})

test('a record of a later version waits for it', () => {
  const payload = encodeRecord(envelope, body(good))
  payload[0] = 9
  expect(() => decodeRecord(record(payload, 1))).toThrow('newer version')
})

test('what JSON text cannot hold is kept as words, and marked as cut', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  const bytes = Buffer.from(`{"batch":[{"type":"track","event":"A","userId":"u","properties":{"n":1e999,"deep":${deep}}}]}`)
  const payload = encodeRecord({ ...envelope, rejected: [{ index: 0, code: 'too_deep', path: '', message: '' }] }, bytes)
  const [item] = decodeRecord(record(payload, 1)).items
  expect(item).toMatchObject({ item: { cut: true, message: { properties: { n: 'a number beyond all bounds' } } } })
  expect(JSON.stringify(item)).toContain('nested too deep')
})
