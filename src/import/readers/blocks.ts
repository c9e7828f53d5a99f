import { maxRowBytes, type Place, type RowBlock, type Scan } from './rows.ts'

/** So small that what is made of a block in passing dies young. */
const blockBytes = 64 * 1024

/**
 * Memory for the bytes of blocks. Who takes blocks gives their bytes back when nobody looks at them any more: then a file of any size is read
 * in the same few buffers.
 */
export class BlockMemory {
  readonly #free: ArrayBufferLike[] = []

  take(size: number): Buffer {
    const fitting = this.#free.findIndex(buffer => buffer.byteLength >= size)
    const [buffer] = fitting < 0 ? [] : this.#free.splice(fitting, 1)
    return buffer ? Buffer.from(buffer, 0, size) : Buffer.allocUnsafeSlow(Math.max(size, 2 * blockBytes)).subarray(0, size)
  }

  giveBack(bytes: Buffer): void {
    this.#free.push(bytes.buffer)
  }
}

/** Reads chunks of bytes as blocks of rows, holding no more than a piece and an unfinished row. */
export async function* blocksOf(
  chunks: AsyncIterable<Buffer>,
  scan: Scan,
  start: Place,
  memory = new BlockMemory(),
): AsyncGenerator<RowBlock> {
  let held: Buffer = Buffer.alloc(0)
  let place = start
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += blockBytes) {
      const piece = chunk.subarray(at, at + blockBytes)
      const bytes = memory.take(held.length + piece.length)
      held.copy(bytes)
      piece.copy(bytes, held.length)
      const block = scan(bytes, false, place)
      held = bytes.subarray(block.end.offset - place.offset)
      place = block.end
      if (block.count > 0) yield block
      if (held.length > 2 * maxRowBytes) throw new Error('a scan leaves no more than an unfinished row')
    }
  }
  while (held.length > 0) {
    const block = scan(held, true, place)
    held = held.subarray(block.end.offset - place.offset)
    place = block.end
    if (block.count > 0) yield block
  }
}
