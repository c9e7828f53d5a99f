import { createSecretKey, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { bodyIsWhole, frameOf, headerAt, openFrame, recordsOf, seal } from './frame.ts'

const secrets = { key: createSecretKey(Buffer.alloc(32, 1)), seed: 77 }
const records = [
  { payload: Buffer.from('one'), count: 1 },
  { payload: Buffer.alloc(0), count: 4 },
  { payload: Buffer.from('three'), count: 2 },
]

test('a frame opens to the records that were put into it', () => {
  const [header, body] = seal(frameOf(records, 281_474_976_710_000, 1_700_000_000_123), secrets)
  const head = headerAt(header, secrets.seed)
  if (!head) throw new Error('no header')
  expect(head).toEqual({
    base: 281_474_976_710_000,
    end: 281_474_976_710_007,
    at: 1_700_000_000_123,
    records: 3,
    bodyBytes: 3 * 8 + 8,
    isPacked: false,
  })
  expect(bodyIsWhole(header, body, secrets.seed)).toBe(true)
  const opened = [...recordsOf(openFrame(head, header, body, secrets.key), 2, 281_474_976_710_001)]
  expect(opened).toEqual([
    { partition: 2, offset: 281_474_976_710_001, count: 4, appendedAt: 1_700_000_000_123, payload: Buffer.alloc(0) },
    { partition: 2, offset: 281_474_976_710_005, count: 2, appendedAt: 1_700_000_000_123, payload: Buffer.from('three') },
  ])
})

test('a large frame is packed where that saves space, and opens to the same records', () => {
  const text = Buffer.from(JSON.stringify({ event: 'Product Viewed', properties: { name: '无针补水护理' } }).repeat(1_000))
  for (const [payload, isPacked] of [
    [text, true],
    [randomBytes(100_000), false],
  ] as const) {
    const [header, body] = seal(frameOf([{ payload, count: 5 }], 10, 1), secrets)
    const head = headerAt(header, secrets.seed)
    if (!head) throw new Error('no header')
    expect(head).toMatchObject({ isPacked, records: 1, bodyBytes: body.length })
    expect(body.length < payload.length / 2).toBe(isPacked)
    expect([...recordsOf(openFrame(head, header, body, secrets.key), 0, 10)].map(record => record.payload.equals(payload))).toEqual([true])
  }
})

test('who has no key cannot change a header, though the checksum can be made to fit', () => {
  const [header, body] = seal(frameOf(records, 10, 1), secrets)
  for (const place of [21, 27, 31, 35]) {
    const forged = Buffer.from(header)
    forged.writeUInt8(forged.readUInt8(place) + 1, place)
    forged.writeUInt32BE(crc32(forged.subarray(8), secrets.seed), 4)
    const head = headerAt(forged, secrets.seed)
    if (!head) throw new Error('the checksum fits')
    expect(() => openFrame(head, forged, body, secrets.key)).toThrow()
  }
})

test('a frame of another segment is none', () => {
  const [header] = seal(frameOf(records, 10, 1), secrets)
  expect(headerAt(header, secrets.seed + 1)).toBe(null)
})
