import { expect, test } from 'vitest'
import { meets, reporter, summary } from './report.ts'

test('a figure meets its must at the bound, and misses it beyond', () => {
  const ratio = { name: 'ratio', value: 0.7, better: 'higher' as const }
  const p99 = { name: 'p99', value: 300, better: 'lower' as const }
  expect(meets(ratio, 0.7)).toBe(true)
  expect(meets(ratio, 0.71)).toBe(false)
  expect(meets(p99, 300)).toBe(true)
  expect(meets(p99, 299)).toBe(false)
})

test('a figure that could not be measured misses its must', () => {
  expect(meets({ name: 'ratio', value: Number.NaN, better: 'higher' }, 0)).toBe(false)
  expect(meets({ name: 'ratio', value: Number.NaN, better: 'lower' }, 1e9)).toBe(false)
})

test('an aim that is missed fails nothing', () => {
  const lines: string[] = []
  const report = reporter({}, line => lines.push(line))
  report.figure({ name: 'ratio', value: 0.8, must: 0.7, aim: 0.85, better: 'higher', unit: '%' })
  expect(report.outcome().missed).toEqual([])
  expect(lines[0]).toMatch(/ratio +80\.0% +must ≥ 70\.0% met +aim ≥ 85\.0% MISSED/)
})

test('the last line has every figure as name=value', () => {
  const figures = [
    { name: 'ratio', value: 0.7123456789, better: 'higher' as const },
    { name: 'p99_ms', value: 12, better: 'lower' as const },
  ]
  expect(summary('collect', figures)).toBe('BENCH collect ratio=0.712346 p99_ms=12')
})
