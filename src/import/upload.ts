import { createHash } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { Refusal } from '../refusal.ts'
import type { Content } from './content-hash.ts'

/** The largest file that can be sent, bytes. */
export const largestUpload = 64 * 2 ** 30

/**
 * Writes what is sent to a file that only we can read, as it comes. Nothing of it stays when it breaks off.
 * @throws Refusal when it is too large or the disk is full
 */
export async function receive(body: AsyncIterable<Uint8Array>, path: string): Promise<Content> {
  const hash = createHash('sha256')
  const file = await open(path, 'wx', 0o600)
  try {
    let fileBytes = 0
    for await (const chunk of body) {
      fileBytes += chunk.length
      if (fileBytes > largestUpload) throw new Refusal(413, 'too-large', `A file may have at most ${largestUpload} bytes: split it.`)
      hash.update(chunk)
      await file.write(chunk)
    }
    await file.sync()
    await file.close()
    return { fileBytes, contentHash: hash.digest('hex') }
  } catch (error) {
    await file.close().catch(() => {})
    await rm(path, { force: true })
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new Refusal(507, 'disk-full', 'There is no room for the file: make some, or split the file.')
    throw error
  }
}
