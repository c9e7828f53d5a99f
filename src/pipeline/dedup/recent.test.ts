import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compare, copyPrint, wordsPerPrint } from './prints.ts'
import { Recent } from './recent.ts'

/** Hashes that crowd at a few places, the very end among them. */
const print = fc.tuple(
  fc.oneof(fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 2 ** 20), fc.nat(2 ** 31)),
  fc.nat(3),
  fc.nat(2 ** 32 - 1),
  fc.nat(1),
  fc.integer({ min: 1, max: 9 }),
)

test('it holds what was added with its last day, and gives it back in order', () => {
  fc.assert(
    fc.property(fc.array(print, { maxLength: 200 }), entries => {
      const recent = new Recent()
      const expected = new Map<string, number>()
      const prints = Uint32Array.from(entries.flatMap(([a, b, c, rest, day]) => [a, b, c, rest * 65_536 + day]))
      for (let i = 0; i < entries.length; i++) {
        recent.add(prints, i * wordsPerPrint)
        expected.set(String(entries[i]?.slice(0, 4)), entries[i]?.[4] ?? 0)
      }
      entries.forEach((entry, i) => {
        expect(recent.dayOf(prints, i * wordsPerPrint)).toBe(expected.get(String(entry.slice(0, 4))))
      })
      const sorted = recent.sorted()
      expect(sorted.length).toBe(expected.size * wordsPerPrint)
      expectOrder(sorted)
    }),
  )
})

test('it grows, and a run of it has everything in order', () => {
  const recent = new Recent()
  const prints = new Uint32Array(100_000 * wordsPerPrint)
  for (let i = 0; i < prints.length; i += 4) prints.set([Math.random() * 2 ** 32, i, 0, 400], i)
  for (let i = 0; i < prints.length; i += 4) recent.add(prints, i)
  expect(recent.count).toBe(100_000)
  expectOrder(recent.sorted())
  for (let i = 0; i < prints.length; i += 4) if (recent.dayOf(prints, i) !== 400) throw new Error(`print ${i / 4} is missing`)
  recent.clear()
  expect(recent.dayOf(prints, 0)).toBe(0)
})

test('prints at the end of the order that wrapped around stay at its end', () => {
  const recent = new Recent()
  const prints = new Uint32Array(50 * wordsPerPrint)
  for (let i = 0; i < 50; i++) prints.set([i < 25 ? 2 ** 32 - 1 - i : i, 0, 0, 1], i * wordsPerPrint)
  for (let i = 0; i < 50; i++) recent.add(prints, i * wordsPerPrint)
  expectOrder(recent.sorted())
})

function expectOrder(sorted: Uint32Array): void {
  const last = new Uint32Array(wordsPerPrint)
  for (let at = 0; at < sorted.length; at += wordsPerPrint) {
    if (at > 0 && compare(last, 0, sorted, at) >= 0) throw new Error(`out of order at ${at / wordsPerPrint}`)
    copyPrint(sorted, at, last, 0)
  }
}
