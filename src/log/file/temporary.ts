import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type FileLog, type FileLogSettings, openFileLog } from './file-log.ts'

/** For tests: a directory that goes with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'zhike-log-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** For tests: a log that closes with the test, in a directory of its own if none is given. */
export async function openLog(settings: Partial<FileLogSettings> = {}): Promise<FileLog> {
  const directory = settings.directory ?? temporaryDirectory()
  const log = await openFileLog({
    directory,
    key: Buffer.alloc(32, 1),
    now: () => 1_700_000_000_000,
    retainEveryMs: 0,
    reserveBytes: 0,
    ...settings,
  })
  onTestFinished(() => log.close())
  return log
}
