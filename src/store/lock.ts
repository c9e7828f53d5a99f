import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, realpathSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { close as closeLibrary, DataType, load, open as openLibrary } from 'ffi-rs'
import { Refusal } from '../refusal.ts'

/** The data directory is in use by another process. */
export class DataDirectoryInUse extends Refusal {
  constructor(sentence: string) {
    super(409, 'in-use', sentence)
    this.name = 'DataDirectoryInUse'
  }
}

/** What this process holds, by real path: how often, and the file. */
const held = new Map<string, { times: number; file: number }>()

/**
 * Makes this process the only one on the data directory, until it ends in whatever way: the kernel holds the lock (flock), so there is
 * nothing to clean up after a crash. The directory is made if need be. A process may lock it several times.
 * @returns gives the directory free, once it was called as often as this function
 * @throws DataDirectoryInUse when another process has it; nothing was touched then
 */
export function lockDataDirectory(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true, mode: 0o755 })
  const place = realpathSync(dataDir)
  const lock = held.get(place) ?? { times: 0, file: lockedFile(place) }
  held.set(place, lock)
  lock.times++
  let isFree = false
  return () => {
    if (isFree) return
    isFree = true
    lock.times--
    if (lock.times > 0) return
    held.delete(place)
    ftruncateSync(lock.file)
    closeSync(lock.file)
  }
}

/** The process that has the directory, other than this one; undefined when it is free. */
export function holderOf(dataDir: string): string | undefined {
  try {
    lockDataDirectory(dataDir)()
    return undefined
  } catch (error) {
    if (error instanceof DataDirectoryInUse) return ownerIn(join(dataDir, 'lock')) || 'unknown'
    throw error
  }
}

function lockedFile(dataDir: string): number {
  const path = join(dataDir, 'lock')
  const file = openSync(path, 'a+', 0o600)
  const fault = flock(file)
  if (fault === 0) {
    ftruncateSync(file)
    writeSync(file, `${process.pid}\n`)
    return file
  }
  closeSync(file)
  if (fault !== wouldBlock)
    throw new Refusal(
      500,
      'data-directory',
      `${dataDir} cannot be locked (error ${fault}): its file system has no locks. Choose another place with ZHIKE_DATA.`,
    )
  const owner = ownerIn(path)
  throw new DataDirectoryInUse(
    `Another Zhike process${owner ? ` (pid ${owner})` : ''} is using ${dataDir}. Stop it first, or give this one a directory of its own with ZHIKE_DATA.`,
  )
}

function ownerIn(path: string): string {
  return readFileSync(path, 'utf8').trim()
}

const exclusivelyOrNotAtAll = 2 | 4
const wouldBlock = process.platform === 'darwin' ? 35 : 11

/** @returns 0, or the number of the error */
function flock(file: number): number {
  const library = 'libc-for-lock'
  openLibrary({ library, path: process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6' })
  try {
    const answer = load({
      library,
      funcName: 'flock',
      retType: DataType.I32,
      paramsType: [DataType.I32, DataType.I32],
      paramsValue: [file, exclusivelyOrNotAtAll],
      errno: true,
    })
    if (typeof answer === 'number') return answer
    return answer.value === 0 ? 0 : answer.errnoCode
  } finally {
    closeLibrary(library)
  }
}
