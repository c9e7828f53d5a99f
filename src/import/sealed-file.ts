import { type FileHandle, open } from 'node:fs/promises'
import type { Keys } from '../privacy/keys.ts'

const lengthBytes = 4

/** One piece of a sealed file: its length, then what it holds, sealed. `context` binds it to its place. */
export function frame(keys: Keys, plain: Buffer, context: string): Buffer {
  const sealed = keys.seal(plain, context)
  const length = Buffer.alloc(lengthBytes)
  length.writeUInt32BE(sealed.length)
  return Buffer.concat([length, sealed])
}

/** What the frames of a sealed file hold, one by one. @param until bytes of the file that count */
export async function* framesOf(keys: Keys, path: string, until: number, contextAt: (offset: number) => string): AsyncGenerator<Buffer> {
  if (until === 0) return
  const file = await open(path, 'r')
  try {
    for (let at = 0; at < until; ) {
      const length = (await exactly(file, at, lengthBytes)).readUInt32BE()
      yield keys.open(await exactly(file, at + lengthBytes, length), contextAt(at))
      at += lengthBytes + length
    }
  } finally {
    await file.close()
  }
}

async function exactly(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at)
  if (bytesRead !== length) throw new Error('a sealed file ends in the middle of a frame')
  return buffer
}
