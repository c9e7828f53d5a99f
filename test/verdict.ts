import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** What vitest's JSON report says, as far as the last line of the check needs it. */
const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
})

export interface Verdict {
  passed: number
  failed: number
  skipped: number
  /** What the numbers of single tests do not show: a file that did not load, an error outside of any test. */
  faults: string[]
}

/** Every way to fail counts as a failure, also one that belongs to no test. */
export function verdictOf(reportFile: string, exitCode: number): Verdict {
  let text: string
  try {
    text = readFileSync(reportFile, 'utf8')
  } catch {
    return { passed: 0, failed: 1, skipped: 0, faults: [`vitest ended with code ${exitCode} and left no report`] }
  }
  const report = reportSchema.parse(JSON.parse(text))
  const broken = report.testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'),
  )
  const faults = broken.map(file => `${file.name} failed outside of its tests: ${file.message ?? ''}`)
  const failed = report.numFailedTests + broken.length
  const verdict = { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests, faults }
  if (failed === 0 && exitCode !== 0) {
    return {
      ...verdict,
      failed: 1,
      faults: [`vitest ended with code ${exitCode} though no test failed: an error outside of the tests, above`],
    }
  }
  return verdict
}

/** Of two runs together. */
export function both(a: Verdict, b: Verdict): Verdict {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped, faults: [...a.faults, ...b.faults] }
}

export function line({ passed, failed, skipped }: Verdict): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
