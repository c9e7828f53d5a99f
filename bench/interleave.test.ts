import { expect, test } from 'vitest'
import { interleave, median, quantile } from './interleave.ts'

test('contenders take turns A B B A after a run of each that does not count', async () => {
  const turns: string[] = []
  const contender = (letter: string, values: number[]) => async () => {
    turns.push(letter)
    return values.shift() ?? Number.NaN
  }
  const result = await interleave(2, contender('A', [99, 1, 2, 3, 10]), contender('B', [99, 1, 1, 1, 2]))
  expect(turns.join('')).toBe('ABABBAABBA')
  expect(result).toEqual({ a: 2.5, b: 1, ratio: 2.5, runs: { a: [1, 2, 3, 10], b: [1, 1, 1, 2] } })
})

test('median and quantiles interpolate between neighbours', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(quantile([1, 2, 3, 4], 0.99)).toBeCloseTo(3.97)
  expect(median([])).toBeNaN()
})
