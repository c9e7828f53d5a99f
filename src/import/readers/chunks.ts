import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Refusal } from '../../refusal.ts'

const usualChunkBytes = 256 * 1024

export interface ChunkReader {
  /** Each is valid until the next one is asked for. */
  chunks: AsyncIterable<Buffer>
  /** Bytes of the file itself that have been read, for the progress. */
  bytesRead(): number
  isGzip: boolean
}

/**
 * The bytes of a file from an offset on, decompressed where it is gzip (which is read from its start then).
 * The file is closed when the reading ends or is given up.
 * @param until bytes of the file itself that are read: what is appended meanwhile is left
 */
export async function chunksOf(
  path: string,
  offset: number,
  until = Number.POSITIVE_INFINITY,
  chunkBytes = usualChunkBytes,
): Promise<ChunkReader> {
  const file = await open(path, 'r')
  const isGzip = await startsAsGzip(file).catch(async error => {
    await file.close()
    throw error
  })
  let bytesRead = isGzip ? 0 : offset
  const count = (bytes: number) => {
    bytesRead += bytes
  }
  const pieces = plain(file, isGzip ? 0 : offset, until, chunkBytes, count)
  const chunks = isGzip ? skipped(inflated(pieces, chunkBytes), offset) : pieces
  return { chunks, bytesRead: () => bytesRead, isGzip }
}

async function startsAsGzip(file: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
}

async function* plain(
  file: FileHandle,
  offset: number,
  until: number,
  chunkBytes: number,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  try {
    const buffer = Buffer.allocUnsafeSlow(chunkBytes)
    for (let at = offset; at < until; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(chunkBytes, until - at), at)
      if (bytesRead === 0 && until === Number.POSITIVE_INFINITY) return
      if (bytesRead === 0) throw new Refusal(409, 'file-changed', 'The file became shorter while it was read: run the import again.')
      at += bytesRead
      count(bytesRead)
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

async function* inflated(compressed: AsyncIterable<Buffer>, chunkBytes: number): AsyncGenerator<Buffer> {
  const source = Readable.from(copies(compressed), { objectMode: false })
  const gunzip = createGunzip({ chunkSize: Math.max(chunkBytes, 64) })
  source.on('error', error => gunzip.destroy(error))
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Buffer>
  } catch (error) {
    throw isDamage(error) ? new Refusal(422, 'file-damaged', 'The compressed file is damaged or cut off: copy it again.') : error
  } finally {
    source.destroy()
    gunzip.destroy()
  }
}

async function* copies(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk)
}

function isDamage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('Z_')
}

async function* skipped(chunks: AsyncIterable<Buffer>, offset: number): AsyncGenerator<Buffer> {
  let left = offset
  for await (const chunk of chunks) {
    if (left < chunk.length) yield chunk.subarray(left)
    left = Math.max(0, left - chunk.length)
  }
}
