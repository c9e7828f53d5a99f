import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { benchCommand } from './command.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'zhike-bench-'))
  const bench = (value: string) => `/** Something beside it. */
const rows = 1

/** Measures a sample. */
export default async report => {
  report.note('rows: ' + (report.options.rows ?? 'default'))
  report.figure({ name: 'ratio', value: ${value}, must: 0.7, aim: 0.9, better: 'higher', unit: '%' })
}\n`
  writeFileSync(join(folder, 'good.ts'), bench('0.8'))
  writeFileSync(join(folder, 'slow.ts'), bench('0.6'))
  writeFileSync(join(folder, 'empty.ts'), 'export default async () => {}\n')
  writeFileSync(join(folder, 'aside.ts'), 'export const load = 1\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function bench(...words: string[]) {
  const lines: string[] = []
  const code = await benchCommand(folder, words, line => lines.push(line))
  return { code, lines }
}

test('a bench whose musts are met exits 0 and ends with its figures', async () => {
  const { code, lines } = await bench('good', '--rows', '1000')
  expect(code).toBe(0)
  expect(lines[0]).toBe('good: Measures a sample.')
  expect(lines[1]).toBe('  rows: 1000')
  expect(lines.at(-1)).toBe('BENCH good ratio=0.8')
})

test('a bench that misses a must exits 1, says which, and still ends with its figures', async () => {
  const { code, lines } = await bench('slow')
  expect(code).toBe(1)
  expect(lines.at(-2)).toBe('missed: ratio')
  expect(lines.at(-1)).toBe('BENCH slow ratio=0.6')
})

test('a bench that reports nothing has not measured: it fails', async () => {
  await expect(bench('empty')).rejects.toThrow('reported no figure')
})

test('without a name the benches are listed, helpers beside them are not', async () => {
  const { code, lines } = await bench()
  expect(code).toBe(0)
  expect(lines.join('\n')).toMatch(/good +Measures a sample\./)
  expect(lines.join('\n')).not.toContain('aside')
})

test('an unknown name exits 2 with the list', async () => {
  expect((await bench('nothing')).code).toBe(2)
})
