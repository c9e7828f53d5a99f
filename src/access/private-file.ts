import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Durable, complete or not there, and readable by its owner only. */
export function writePrivate(directory: string, name: string, text: string): void {
  mkdirSync(directory, { recursive: true })
  const fresh = join(directory, `.${name}.${process.pid}`)
  const file = openSync(fresh, 'w', 0o600)
  try {
    chmodSync(fresh, 0o600)
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(fresh, join(directory, name))
}
