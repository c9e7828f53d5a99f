import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { mergeRuns } from './merge.ts'
import { countOf, dayAt, type Prints, wordsPerPrint } from './prints.ts'
import { Recent } from './recent.ts'
import { printsPath, Run } from './run.ts'
import { RunWriter, writeRun } from './run-writer.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zhike-merge-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Few hashes, many of which begin alike, so that runs share them. */
const print = fc.tuple(fc.constantFrom(0, 5, 2 ** 31, 2 ** 32 - 1), fc.nat(2), fc.nat(1), fc.nat(1), fc.integer({ min: 1, max: 9 }))

function sorted(entries: [number, number, number, number, number][]): Prints {
  const recent = new Recent()
  for (const [a, b, c, rest, day] of entries) recent.add(Uint32Array.of(a, b, c, rest * 65_536 + day), 0)
  return recent.sorted()
}

function hashesOf(prints: Prints): Map<string, number> {
  const hash = (i: number) =>
    [...prints.subarray(i * wordsPerPrint, i * wordsPerPrint + 3), (prints[i * wordsPerPrint + 3] ?? 0) >>> 16].join()
  return new Map(Array.from({ length: countOf(prints) }, (_, i) => [hash(i), dayAt(prints, i)]))
}

test('a merge has every hash of its runs once, in order, with the latest day, without the expired', () => {
  let merges = 0
  fc.assert(
    fc.property(fc.array(fc.array(print, { maxLength: 40 }), { minLength: 1, maxLength: 5 }), fc.nat(10), (runs, firstDay) => {
      const merge = ++merges
      const contents = runs.map(sorted)
      const inputs = contents.map((prints, i) => writeRun(directory, `run-${merge}-${i}`, prints))
      const info = mergeRuns({ directory, inputs, output: `run-${merge}`, firstDay })

      const latest = new Map<string, number>()
      for (const [hash, day] of contents.flatMap(prints => [...hashesOf(prints)])) latest.set(hash, Math.max(day, latest.get(hash) ?? 0))
      const expected = new Map([...latest].filter(([, day]) => day >= firstDay))
      const merged = new Uint32Array(new Uint8Array(readFileSync(printsPath(directory, info.name))).buffer)
      expect(hashesOf(merged)).toEqual(expected)
      expect(countOf(merged)).toBe(expected.size)
      expect(info.days.reduce((sum, [, count]) => sum + count, 0)).toBe(info.count)

      const run = new Run(directory, info)
      const all = sorted(runs.flat())
      const found = new Set(run.candidates(all, new Uint8Array(countOf(all)).fill(1)))
      for (const [i, [hash]] of [...hashesOf(all)].entries()) {
        expect(found.has(i) ? run.dayOf(all, i * wordsPerPrint) : 0).toBe(expected.get(hash) ?? 0)
      }
      run.close()
    }),
  )
})

test('large runs merge across every buffer, and every print is found where the filter says', () => {
  const runs = [50_000, 120_000, 3].map(count => {
    const recent = new Recent()
    const prints = Uint32Array.from({ length: count * wordsPerPrint }, () => Math.random() * 2 ** 32)
    for (let at = 3; at < prints.length; at += wordsPerPrint) prints[at] = ((prints[at] ?? 0) & 0xffff0000) | 400
    for (let at = 0; at < prints.length; at += wordsPerPrint) recent.add(prints, at)
    return recent.sorted()
  })
  const inputs = runs.map((prints, i) => writeRun(directory, `run-${i}`, prints))
  const run = new Run(directory, mergeRuns({ directory, inputs, output: 'merged', firstDay: 0 }))
  expect(run.info.count).toBe(170_003)
  for (const prints of runs) {
    expect(run.candidates(prints, new Uint8Array(countOf(prints)).fill(1)).length).toBe(countOf(prints))
    for (let at = 0; at < prints.length; at += wordsPerPrint) if (run.dayOf(prints, at) !== 400) throw new Error(`print ${at} was lost`)
  }
  run.close()
})

test('a run that has far fewer prints than it was laid out for finds them', () => {
  const writer = new RunWriter(directory, 'run', 2_000_000)
  const prints = sorted([
    [0, 1, 2, 3, 400],
    [2 ** 31, 1, 2, 3, 401],
    [2 ** 32 - 1, 1, 2, 3, 402],
  ])
  for (let at = 0; at < prints.length; at += wordsPerPrint) writer.add(prints, at)
  const run = new Run(directory, writer.finish())
  expect(run.candidates(prints, Uint8Array.of(1, 1, 1))).toEqual([0, 1, 2])
  expect([0, 1, 2].map(i => run.dayOf(prints, i * wordsPerPrint))).toEqual([400, 401, 402])
  run.close()
})
