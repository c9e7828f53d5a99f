import { createCipheriv, createDecipheriv, createSecretKey, hash, hkdfSync } from 'node:crypto'
import { randomNonce } from './nonce.ts'

/**
 * Every key of a deployment, derived from its one secret (HKDF-SHA256, RFC 5869), each for one purpose.
 * Losing the secret loses the personal data; the purposes' keys never leave the process.
 */
export interface Keys {
  /** AES-256-GCM with a random 96-bit nonce: nonce ‖ ciphertext ‖ tag. `context` is authenticated: a value moved to another row does not open. */
  seal(plain: string | Buffer, context: string): Buffer
  /** @throws when the value was sealed under another secret or context, or was altered */
  open(sealed: Buffer, context: string): Buffer
  /** HMAC-SHA256 cut to 128 bits: the same value gives the same index, and nobody without the key can try values. */
  blindIndex(namespace: string, value: string): BlindIndex
  /** A 256-bit key for another component (`log`, `engine-password` …). */
  derive(purpose: string): Buffer
}

export interface BlindIndex {
  /** First 64 bits: the key in PostgreSQL (signed) and, unsigned, in ClickHouse. */
  hash: bigint
  /** The other 64 bits, to tell a collision from the same identifier. */
  rest: bigint
}

export function keysFrom(secret: string): Keys {
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', secret, 'zhike', purpose, 32))
  // Key objects: with a Buffer, Node prepares the key anew at each call, which costs six times the digest.
  const sealing = createSecretKey(derive('personal-data'))
  const hmac = hmacSha256(derive('blind-index'))
  return {
    seal(plain, context) {
      const nonce = randomNonce()
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce).setAAD(Buffer.from(context))
      return Buffer.concat([nonce, cipher.update(plain as string), cipher.final(), cipher.getAuthTag()])
    },
    open(sealed, context) {
      const decipher = createDecipheriv('aes-256-gcm', sealing, sealed.subarray(0, 12))
        .setAAD(Buffer.from(context))
        .setAuthTag(sealed.subarray(sealed.length - 16))
      return Buffer.concat([decipher.update(sealed.subarray(12, sealed.length - 16)), decipher.final()])
    },
    blindIndex(namespace, value) {
      const digest = hmac(`${namespace}\0${value}`)
      return { hash: digest.readBigInt64BE(0), rest: digest.readBigInt64BE(8) }
    },
    derive,
  }
}

const blockBytes = 64

/**
 * HMAC-SHA256 (RFC 2104) of short texts from two one-shot digests: `createHmac` costs several times the digests themselves.
 * @param key 256 bits
 */
export function hmacSha256(key: Buffer): (text: string) => Buffer {
  const padded = (pad: number) => Buffer.alloc(blockBytes, pad).map((byte, index) => byte ^ (key[index] ?? 0))
  const inner = padded(0x36)
  const outer = Buffer.concat([padded(0x5c), Buffer.alloc(32)])
  return text => {
    const message = Buffer.allocUnsafe(blockBytes + Buffer.byteLength(text))
    message.set(inner)
    message.write(text, blockBytes)
    outer.set(hash('sha256', message, 'buffer'), blockBytes)
    return hash('sha256', outer, 'buffer')
  }
}
