import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRunSet } from './run-set.ts'

test('runs that are merged while somebody reads them stay readable until that is done', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'zhike-runs-'))
  const merged = Promise.withResolvers<void>()
  const runs = await openRunSet({
    directory,
    now: () => 400 * 86_400_000,
    windowDays: 30,
    runSize: 1,
    onStep: ({ kind }) => kind === 'merge-finished' && merged.resolve(),
  })
  const prints = [1, 2, 3, 4].map(n => Uint32Array.of(n * 2 ** 29, n, n, 400))
  for (const [i, print] of prints.slice(0, 3).entries()) runs.add(print, i + 1)
  await runs.read(async readable => {
    runs.add(prints[3] ?? new Uint32Array(), 4)
    await merged.promise
    expect(readable.map((run, i) => run.dayOf(prints[i] ?? new Uint32Array(), 0))).toEqual([400, 400, 400])
    expect(runFiles(directory)).toBe(5 * 2)
  })
  await runs.read(async readable => expect(readable.map(run => run.info.count)).toEqual([4]))
  await runs.close()
  expect(runFiles(directory)).toBe(2)
  rmSync(directory, { recursive: true })
})

function runFiles(directory: string): number {
  return readdirSync(directory).filter(name => name.startsWith('run-')).length
}
