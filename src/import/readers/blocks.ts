import { maxRowBytes, type Place, type RowBlock, type Scan } from './rows.ts'

/** Reads chunks of bytes as blocks of rows, holding no more than a chunk and an unfinished row. */
export async function* blocksOf(chunks: AsyncIterable<Buffer>, scan: Scan, start: Place): AsyncGenerator<RowBlock> {
  let held: Buffer = Buffer.alloc(0)
  let place = start
  for await (const chunk of chunks) {
    const bytes = held.length > 0 ? Buffer.concat([held, chunk]) : chunk
    const block = scan(bytes, false, place)
    held = bytes.subarray(block.end.offset - place.offset)
    place = block.end
    if (block.count > 0) yield block
    if (held.length > 2 * maxRowBytes) throw new Error('a scan leaves no more than an unfinished row')
  }
  while (held.length > 0) {
    const block = scan(held, true, place)
    held = held.subarray(block.end.offset - place.offset)
    place = block.end
    if (block.count > 0) yield block
  }
}
