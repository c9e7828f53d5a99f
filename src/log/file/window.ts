import type { DiskFile } from './disk.ts'

/** A file read forwards: small looks are served from a piece that was read at once. */
export interface Window {
  /** The bytes that stand there, fewer only at the end. Valid until the next call. */
  bytes(position: number, length: number): Promise<Buffer>
}

export function windowOf(file: DiskFile, end: number, pieceBytes = 256 * 1024): Window {
  let piece = Buffer.alloc(0)
  let start = 0
  return {
    async bytes(position, length) {
      const wanted = Math.max(0, Math.min(length, end - position))
      if (position < start || position + wanted > start + piece.length) {
        const room = Buffer.allocUnsafeSlow(Math.max(wanted, Math.min(pieceBytes, end - position)))
        piece = room.subarray(0, await file.read(room, position))
        start = position
      }
      return piece.subarray(position - start, position - start + wanted)
    },
  }
}
