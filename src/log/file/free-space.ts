import type { Disk } from './disk.ts'

/** Whether the disk has less left than its reserve. Asks the file system at most so often, and reckons what was written since. */
export interface FreeSpace {
  readonly low: boolean
  wrote(bytes: number): void
  /** Asks again if the last answer is old, or if the reckoning comes near the reserve. */
  refresh(): Promise<void>
}

const everyMs = 1000
const nearEveryMs = 100
const nearBytes = 64 * 1024 * 1024

export function freeSpace(disk: Disk, directory: string, reserveBytes: number): FreeSpace {
  let left = Number.POSITIVE_INFINITY
  let askedAt = Number.NEGATIVE_INFINITY
  let asking: Promise<void> | null = null

  async function ask(): Promise<void> {
    askedAt = performance.now()
    try {
      left = (await disk.freeBytes(directory)) - reserveBytes
    } catch {
      // A file system that does not say is written to until it refuses.
      left = Number.POSITIVE_INFINITY
    } finally {
      asking = null
    }
  }

  return {
    get low() {
      return left <= 0
    },
    wrote(bytes) {
      left -= bytes
    },
    refresh() {
      const patience = left < nearBytes ? nearEveryMs : everyMs
      if (!asking && performance.now() - askedAt < patience) return Promise.resolve()
      asking ??= ask()
      return asking
    },
  }
}
