import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Refusal } from '../refusal.ts'

/** What tells a file's content from others. */
export interface Content {
  /** SHA-256 in hexadecimal digits. */
  contentHash: string
  fileBytes: number
}

/** SHA-256 over the bytes of a file, and how many there are. @throws Refusal when there is no such file */
export async function contentOf(path: string): Promise<Content> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) throw new Refusal(422, 'no-such-file', `There is no file ${path}.`)
  const hash = createHash('sha256')
  let fileBytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer)
    fileBytes += (chunk as Buffer).length
  }
  return { contentHash: hash.digest('hex'), fileBytes }
}
