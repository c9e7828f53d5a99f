import { expect, test } from 'vitest'
import { blockOf, blocksFor, candidatesOf, place, wordsPerBlock } from './filter.ts'
import { wordsPerPrint } from './prints.ts'

function randomPrints(count: number): Uint32Array {
  return Uint32Array.from({ length: count * wordsPerPrint }, () => Math.random() * 2 ** 32)
}

test.each([
  { count: 100_000, bits: 20, wrongAtMost: 0.001 },
  { count: 1_100_000, bits: 12, wrongAtMost: 0.008 },
])('of $count prints all are found, with $bits bits each, and of others less than $wrongAtMost', ({ count, bits, wrongAtMost }) => {
  const blocks = blocksFor(count)
  const words = new Uint32Array(blocks * wordsPerBlock)
  const base = (prints: Uint32Array, at: number) => blockOf(prints[at] ?? 0, blocks) * wordsPerBlock
  const placed = randomPrints(count)
  const others = randomPrints(count)
  for (let at = 0; at < placed.length; at += wordsPerPrint) place(words, base(placed, at), placed, at)
  const fresh = new Uint8Array(count).fill(1)
  expect(candidatesOf(words, blocks, placed, fresh).length).toBe(count)
  expect(candidatesOf(words, blocks, others, fresh).length / count).toBeLessThan(wrongAtMost)
  expect(candidatesOf(words, blocks, placed, fresh.fill(0, 0, 50))[0]).toBe(50)
  expect((words.byteLength / count) * 8).toBeCloseTo(bits, 1)
})

test('blocks cover the whole range of hashes', () => {
  expect([0, 2 ** 31, 2 ** 32 - 1].map(top => blockOf(top, 10))).toEqual([0, 5, 9])
  expect(blockOf(2 ** 32 - 1, 1_171_875)).toBe(1_171_874)
})
