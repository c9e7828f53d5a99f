import { expect, test } from 'vitest'
import { randomNonce } from './nonce.ts'

test('no nonce is given twice, and none shares its bytes with another', () => {
  const nonces = Array.from({ length: 2_000 }, () => randomNonce())
  expect(new Set(nonces.map(nonce => nonce.toString('hex'))).size).toBe(nonces.length)
  expect(nonces.every(nonce => nonce.length === 12)).toBe(true)
})
