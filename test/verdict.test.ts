import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { line, verdictOf } from './verdict.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zhike-verdict-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function report(counts: { passed: number; failed?: number; pending?: number }, files: unknown[] = []): string {
  const file = join(folder, 'vitest.json')
  const { passed, failed = 0, pending = 0 } = counts
  writeFileSync(
    file,
    JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numPendingTests: pending, numTodoTests: 0, testResults: files }),
  )
  return file
}

test('the numbers of vitest become the last line', () => {
  expect(line(verdictOf(report({ passed: 12 }), 0))).toBe('12 passed, 0 failed')
  expect(line(verdictOf(report({ passed: 12, pending: 3 }), 0))).toBe('12 passed, 0 failed, 3 skipped')
  expect(line(verdictOf(report({ passed: 12, failed: 2 }), 1))).toBe('12 passed, 2 failed')
})

test('a test file that does not load is a failure though no test of it failed', () => {
  const verdict = verdictOf(
    report({ passed: 5 }, [{ name: 'a.test.ts', status: 'failed', message: 'no such module', assertionResults: [] }]),
    1,
  )
  expect(line(verdict)).toBe('5 passed, 1 failed')
  expect(verdict.faults[0]).toContain('a.test.ts')
})

test('an error outside of the tests is a failure', () => {
  expect(line(verdictOf(report({ passed: 5 }), 1))).toBe('5 passed, 1 failed')
})

test('a run that left no report is a failure', () => {
  expect(line(verdictOf(join(folder, 'nothing.json'), 0))).toBe('0 passed, 1 failed')
})
