/**
 * Chaskey-12 (Mouha et al., "Chaskey: An Efficient MAC Algorithm for 32-bit Microcontrollers", 2014; ISO/IEC 29192-6): a keyed hash of
 * 128 bits made of additions, rotations and exclusive ors of 32-bit words, so plain JavaScript runs it on a short text in a third of the time
 * that a call into OpenSSL takes.
 */
export interface ChaskeyKey {
  key: Int32Array
  /** What the last block is masked with: if it is whole, if it is padded. */
  whole: Int32Array
  padded: Int32Array
}

const rounds = 12

/** @param bytes 16 of them */
export function chaskeyKey(bytes: Buffer): ChaskeyKey {
  const key = Int32Array.from([0, 4, 8, 12], at => bytes.readInt32LE(at))
  const whole = timesTwo(key)
  return { key, whole, padded: timesTwo(whole) }
}

/**
 * Writes the hash of a message to `hash[at …]`, four words.
 * @param words the message's bytes, little-endian, as words; the 16 bytes after the message are overwritten
 * @param length of the message, bytes
 */
export function chaskey({ key, whole, padded }: ChaskeyKey, words: Int32Array, length: number, hash: Uint32Array, at: number): void {
  const end = Math.max(4, ((length + 15) >>> 4) << 2)
  const mask = length === end * 4 ? whole : padded
  if (mask === padded) pad(words, length, end)
  let a = word(key, 0)
  let b = word(key, 1)
  let c = word(key, 2)
  let d = word(key, 3)
  for (let i = 0; i < end; i += 4) {
    a ^= word(words, i)
    b ^= word(words, i + 1)
    c ^= word(words, i + 2)
    d ^= word(words, i + 3)
    if (i + 4 === end) {
      a ^= word(mask, 0)
      b ^= word(mask, 1)
      c ^= word(mask, 2)
      d ^= word(mask, 3)
    }
    for (let round = 0; round < rounds; round++) {
      a = (a + b) | 0
      b = rotate(b, 5) ^ a
      a = rotate(a, 16)
      c = (c + d) | 0
      d = rotate(d, 8) ^ c
      a = (a + d) | 0
      d = rotate(d, 13) ^ a
      c = (c + b) | 0
      b = rotate(b, 7) ^ c
      c = rotate(c, 16)
    }
  }
  hash[at] = a ^ word(mask, 0)
  hash[at + 1] = b ^ word(mask, 1)
  hash[at + 2] = c ^ word(mask, 2)
  hash[at + 3] = d ^ word(mask, 3)
}

/** After the message a one, then zeros up to the end of the block. */
function pad(words: Int32Array, length: number, end: number): void {
  const last = length >>> 2
  const bits = (length & 3) * 8
  words[last] = (word(words, last) & ((1 << bits) - 1)) | (1 << bits)
  for (let i = last + 1; i < end; i++) words[i] = 0
}

/** Doubles in the field of 2^128 elements. */
function timesTwo(key: Int32Array): Int32Array {
  const carry = word(key, 3) >>> 31
  return Int32Array.from(key, (value, i) => (value << 1) ^ (i === 0 ? carry * 0x87 : word(key, i - 1) >>> 31))
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function word(words: Int32Array, at: number): number {
  return words[at] as number
}
