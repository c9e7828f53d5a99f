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
      const [one] = [fingerprintsOf([{ source, messageId, receivedAt }])]
      expect(other([{ source, messageId, receivedAt }])).not.toEqual(one)
      const same = source === source2 && messageId === messageId2
      const two = fingerprintsOf([{ source: source2, messageId: messageId2, receivedAt }])
      expect(one.every((word, i) => word === two[i])).toBe(same)
    }),
  )
})
