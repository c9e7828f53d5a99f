import type { Frame } from './frame.ts'

/** The frames appended last, in the clear, up to a number of bytes: a reader that keeps up needs no disk. */
export interface RecentFrames {
  add(frame: Frame): void
  /** The frame that holds the offset, if it is still here. */
  covering(offset: number): Frame | undefined
}

export function recentFrames(maxBytes: number): RecentFrames {
  const frames: Frame[] = []
  let bytes = 0
  return {
    add(frame) {
      frames.push(frame)
      bytes += weight(frame)
      while (bytes > maxBytes) {
        const oldest = frames.shift()
        if (!oldest) break
        bytes -= weight(oldest)
      }
    },
    covering(offset) {
      let low = 0
      let high = frames.length
      while (low < high) {
        const middle = (low + high) >> 1
        if ((frames[middle]?.end ?? 0) <= offset) low = middle + 1
        else high = middle
      }
      const frame = frames[low]
      return frame && frame.base <= offset ? frame : undefined
    },
  }
}

/** An object and a buffer of its own cost about this much beside the bytes. */
function weight(frame: Frame): number {
  return frame.plain.length + 400
}
