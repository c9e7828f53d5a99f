import { type Prints, wordsPerPrint } from './prints.ts'

/**
 * A blocked Bloom filter (Putze, Sanders, Singler 2007): the seven bits of a print lie in one block of 512 bits, so a look-up costs
 * one cache line. The block is the top of the hash, so the prints of a sorted run fill the blocks one after the other and a block is also
 * a place in the run.
 */
export const wordsPerBlock = 16
const bitsPerBlock = wordsPerBlock * 32

/** Small runs can afford more bits: every run is asked for every message, and of the memory nearly all belongs to the large ones. */
function bitsPerPrint(count: number): number {
  return count <= 2 ** 20 ? 20 : 12
}

export function blocksFor(count: number): number {
  return Math.max(1, Math.ceil((count * bitsPerPrint(count)) / bitsPerBlock))
}

export function blockOf(top: number, blocks: number): number {
  return ((top * blocks) / 2 ** 32) | 0
}

/** Sets the print's bits in the block that begins at `base`. */
export function place(words: Uint32Array, base: number, prints: Prints, at: number): void {
  const b = prints[at + 1] as number
  const c = prints[at + 2] as number
  const d = (prints[at + 3] as number) >>> 16
  setBit(words, base, b)
  setBit(words, base, b >>> 9)
  setBit(words, base, b >>> 18)
  setBit(words, base, c)
  setBit(words, base, c >>> 9)
  setBit(words, base, c >>> 18)
  setBit(words, base, d)
}

const together = 32
const bases = new Int32Array(together)
const firstBits = new Int32Array(together)

/**
 * Which of the fresh prints may be in the run; all others certainly are not. Most of the time goes into waiting for memory, so the first
 * bits of many prints are fetched without a decision in between, which lets the processor wait for all of them at once.
 */
export function candidatesOf(words: Uint32Array, blocks: number, prints: Prints, fresh: Uint8Array): number[] {
  const candidates: number[] = []
  for (let start = 0; start < fresh.length; start += together) {
    const end = Math.min(start + together, fresh.length)
    for (let i = start; i < end; i++) {
      const at = i * wordsPerPrint
      const base = blockOf(prints[at] as number, blocks) * wordsPerBlock
      bases[i - start] = base
      firstBits[i - start] = bitOf(words, base, prints[at + 1] as number)
    }
    for (let i = start; i < end; i++) {
      if (fresh[i] === 0) continue
      if (mayHold(words, bases[i - start] as number, firstBits[i - start] as number, prints, i * wordsPerPrint)) candidates.push(i)
    }
  }
  return candidates
}

/** Looks at four bits, then at three: of four the outcome is predictable. */
function mayHold(words: Uint32Array, base: number, firstBit: number, prints: Prints, at: number): boolean {
  const b = prints[at + 1] as number
  const c = prints[at + 2] as number
  const four = firstBit & bitOf(words, base, b >>> 9) & bitOf(words, base, b >>> 18) & bitOf(words, base, c)
  if ((four & 1) === 0) return false
  const d = (prints[at + 3] as number) >>> 16
  return (bitOf(words, base, c >>> 9) & bitOf(words, base, c >>> 18) & bitOf(words, base, d) & 1) === 1
}

function setBit(words: Uint32Array, base: number, bit: number): void {
  const word = base + ((bit >>> 5) & 15)
  words[word] = (words[word] as number) | (1 << bit)
}

/** The bit is the lowest of the result. */
function bitOf(words: Uint32Array, base: number, bit: number): number {
  return (words[base + ((bit >>> 5) & 15)] as number) >>> bit
}
