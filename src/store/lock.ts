import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { close as closeLibrary, DataType, load, open as openLibrary } from 'ffi-rs'

/** The data directory is in use by another process. */
export class DataDirectoryInUse extends Error {
  override name = 'DataDirectoryInUse'
}

const lockExclusively = 2 | 4

/**
 * Makes this process the only one on the data directory, until it ends in whatever way: the kernel holds the lock (flock), so there is
 * nothing to clean up after a crash.
 * @returns gives the directory free
 */
export function lockDataDirectory(dataDir: string): () => void {
  const path = join(dataDir, 'lock')
  const file = openSync(path, 'a+', 0o600)
  if (flock(file) !== 0) {
    closeSync(file)
    const owner = readFileSync(path, 'utf8').trim()
    throw new DataDirectoryInUse(
      `Another Zhike process${owner ? ` (pid ${owner})` : ''} is using ${dataDir}. Stop it first, or give this one a directory of its own with ZHIKE_DATA.`,
    )
  }
  ftruncateSync(file)
  writeSync(file, `${process.pid}\n`)
  return () => closeSync(file)
}

function flock(file: number): number {
  const library = 'libc-for-lock'
  openLibrary({ library, path: process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6' })
  try {
    return load({
      library,
      funcName: 'flock',
      retType: DataType.I32,
      paramsType: [DataType.I32, DataType.I32],
      paramsValue: [file, lockExclusively],
    })
  } finally {
    closeLibrary(library)
  }
}
