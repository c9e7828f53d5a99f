import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePrivate } from '../access/private-file.ts'

const fileName = 'owner'

/**
 * As whom the workers of a data directory hold their leases: the same after every start. Its lock lets one process in at a time, so what a
 * killed one held can be taken over at once instead of when it expires.
 */
export function ownerOf(dataDir: string): string {
  const file = join(dataDir, fileName)
  if (!existsSync(file)) writePrivate(dataDir, fileName, `${randomUUID()}\n`)
  return readFileSync(file, 'utf8').trim()
}
