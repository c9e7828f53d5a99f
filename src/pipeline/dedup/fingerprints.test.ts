import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fingerprinting } from './fingerprints.ts'

const fingerprintsOf = fingerprinting(Buffer.alloc(32, 1))

test('the same message has the same hash on any day, and carries its day', () => {
  const [a, b] = [0, 40].map(day => fingerprintsOf([{ source: 'web', messageId: 'm-1', receivedAt: (20_000 + day) * 86_400_000 }]))
  expect(a?.subarray(0, 3)).toEqual(b?.subarray(0, 3))
  expect((a?.[3] ?? 0) >>> 16).toBe((b?.[3] ?? 0) >>> 16)
  expect((a?.[3] ?? 0) & 0xffff).toBe(20_000)
  expect((b?.[3] ?? 0) & 0xffff).toBe(20_040)
})

test('messages differ when their sources, ids or the keys differ', () => {
  const other = fingerprinting(Buffer.alloc(32, 2))
  const text = fc.string({ unit: 'binary', maxLength: 80 })
  fc.assert(
    fc.property(text, text, text, text, (source, messageId, source2, messageId2) => {
      const receivedAt = 86_400_000
      const one = fingerprintsOf([{ source, messageId, receivedAt }])
      expect(other([{ source, messageId, receivedAt }])).not.toEqual(one)
      const same = source === source2 && messageId === messageId2
      const two = fingerprintsOf([{ source: source2, messageId: messageId2, receivedAt }])
      expect(one.every((word, i) => word === two[i])).toBe(same)
    }),
  )
})

test('ids of any length and script are told apart by their last character', () => {
  for (const unit of ['a', '知', '𠮷']) {
    for (const length of [0, 1, 15, 16, 17, 400, 5000]) {
      const ids = ['x', 'y', '客'].map(end => unit.repeat(length) + end)
      const prints = fingerprinting(Buffer.alloc(32, 1))(ids.map(messageId => ({ source: 's', messageId, receivedAt: 86_400_000 })))
      expect(new Set([0, 4, 8].map(at => prints.subarray(at, at + 4).join())).size).toBe(3)
    }
  }
})

test('bits are set as often as not, in every place', () => {
  const messages = Array.from({ length: 20_000 }, (_, i) => ({ source: 's', messageId: `m-${i}`, receivedAt: 0 }))
  const prints = fingerprintsOf(messages)
  for (let bit = 0; bit < 112; bit++) {
    let set = 0
    for (let at = 0; at < prints.length; at += 4) set += ((prints[at + Math.floor(bit / 32)] ?? 0) >>> (31 - (bit % 32))) & 1
    expect(Math.abs(set / messages.length - 0.5)).toBeLessThan(0.02)
  }
})
