import type { Prints } from './prints.ts'

/**
 * A blocked Bloom filter (Putze, Sanders, Singler 2007): the seven bits of a print lie in one block of 512 bits, so a look-up costs
 * one cache line. The block is the top of the hash, so the prints of a sorted run fill the blocks one after the other and a block is also
 * a place in the run.
 */
export const wordsPerBlock = 16
const bitsPerPrint = 12

export function blocksFor(count: number): number {
  return Math.max(1, Math.ceil((count * bitsPerPrint) / (wordsPerBlock * 32)))
}

export function blockOf(top: number, blocks: number): number {
  return Math.floor((top * blocks) / 2 ** 32)
}

/** Sets the print's bits in the block that starts at `words[base]`. */
export function place(words: Uint32Array, base: number, prints: Prints, at: number): void {
  const b = prints[at + 1] as number
  const c = prints[at + 2] as number
  const d = prints[at + 3] as number
  set(words, base, b)
  set(words, base, b >>> 9)
  set(words, base, b >>> 18)
  set(words, base, c)
  set(words, base, c >>> 9)
  set(words, base, c >>> 18)
  set(words, base, d >>> 16)
}

/** False: the print is certainly not in the run. */
export function mayHold(words: Uint32Array, base: number, prints: Prints, at: number): boolean {
  const b = prints[at + 1] as number
  if (!isSet(words, base, b) || !isSet(words, base, b >>> 9) || !isSet(words, base, b >>> 18)) return false
  const c = prints[at + 2] as number
  if (!isSet(words, base, c) || !isSet(words, base, c >>> 9) || !isSet(words, base, c >>> 18)) return false
  return isSet(words, base, (prints[at + 3] as number) >>> 16)
}

function set(words: Uint32Array, base: number, bit: number): void {
  const word = base + ((bit >>> 5) & 15)
  words[word] = (words[word] as number) | (1 << (bit & 31))
}

function isSet(words: Uint32Array, base: number, bit: number): boolean {
  return ((words[base + ((bit >>> 5) & 15)] as number) & (1 << (bit & 31))) !== 0
}
