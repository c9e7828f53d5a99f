import { createHmac, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hmacSha256, keysFrom } from './keys.ts'

test('the keyed hash is HMAC-SHA256', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.string({ unit: 'grapheme', maxLength: 200 }), (key, text) => {
      expect(hmacSha256(Buffer.from(key))(text)).toEqual(createHmac('sha256', key).update(text).digest())
    }),
  )
})

test('what is sealed opens under the same secret and context only', () => {
  const keys = keysFrom('one secret')
  const sealed = keys.seal('199 0000 0001', 'phone of leaf 1')
  expect(keys.open(sealed, 'phone of leaf 1').toString()).toBe('199 0000 0001')
  expect(sealed.includes('0000')).toBe(false)
  expect(() => keys.open(sealed, 'phone of leaf 2')).toThrow()
  expect(() => keysFrom('another secret').open(sealed, 'phone of leaf 1')).toThrow()
  sealed[20] = (sealed[20] ?? 0) ^ 1
  expect(() => keys.open(sealed, 'phone of leaf 1')).toThrow()
})

test('the same value has one index per namespace and secret', () => {
  const keys = keysFrom('one secret')
  expect(keys.blindIndex('phone', '+8619900000001')).toEqual(keysFrom('one secret').blindIndex('phone', '+8619900000001'))
  expect(keys.blindIndex('phone', '1')).not.toEqual(keys.blindIndex('member_id', '1'))
  expect(keys.blindIndex('a', 'b\0c')).not.toEqual(keysFrom(randomBytes(8).toString('hex')).blindIndex('a', 'b\0c'))
})
