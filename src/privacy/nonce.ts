import { randomBytes } from 'node:crypto'

const nonceBytes = 12
const atOnce = 512

let drawn = Buffer.alloc(0)

/** A random 96-bit nonce, as AES-GCM takes it. Drawn hundreds at once: each call for randomness costs as much as the sealing itself. */
export function randomNonce(): Buffer {
  if (drawn.length === 0) drawn = randomBytes(nonceBytes * atOnce)
  const nonce = drawn.subarray(0, nonceBytes)
  drawn = drawn.subarray(nonceBytes)
  return nonce
}
