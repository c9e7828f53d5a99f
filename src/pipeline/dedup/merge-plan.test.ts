import { expect, test } from 'vitest'
import { nextMerge } from './merge-plan.ts'
import type { RunInfo } from './run.ts'

function run(count: number, days: [number, number][] = [[400, count]]): RunInfo {
  return { name: `run-${Math.random()}`, count, blocks: 1, printsSum: 0, filterSum: 0, days }
}

function counts(runs: RunInfo[]): number[] {
  return runs.map(run => run.count)
}

test('runs of like size are merged four at a time', () => {
  expect(nextMerge([run(100), run(100), run(100)], 0, 100)).toEqual([])
  expect(counts(nextMerge([run(100), run(90), run(100), run(3)], 0, 100))).toEqual([100, 90, 100, 3])
})

test('a merge takes along what it would be merged with next', () => {
  const runs = [run(1600), run(400), run(400), run(400), run(100), run(100), run(100), run(100)]
  expect(counts(nextMerge(runs, 0, 100)).sort((a, b) => a - b)).toEqual([100, 100, 100, 100, 400, 400, 400])
})

test('a run of which an eighth has expired is rewritten by itself', () => {
  const aged = run(800, [
    [1, 100],
    [50, 700],
  ])
  expect(nextMerge([aged, run(100)], 1, 100)).toEqual([])
  expect(nextMerge([aged, run(100)], 2, 100)).toEqual([aged])
})

test('however much is remembered, runs stay few and prints are rewritten seldom', () => {
  let runs: RunInfo[] = []
  let rewritten = 0
  let most = 0
  const flushes = 4000
  for (let flush = 0; flush < flushes; flush++) {
    runs.push(run(100))
    for (let inputs = nextMerge(runs, 0, 100); inputs.length > 0; inputs = nextMerge(runs, 0, 100)) {
      const sum = inputs.reduce((total, input) => total + input.count, 0)
      rewritten += sum
      runs = [...runs.filter(other => !inputs.includes(other)), run(sum)]
    }
    most = Math.max(most, runs.length)
  }
  expect(most).toBeLessThanOrEqual(18)
  expect(rewritten / (flushes * 100)).toBeLessThan(6)
})
