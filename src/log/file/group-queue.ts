import { rowBytes, type Unwritten } from './frame.ts'

/** What waits to be written, given out in groups that become a frame each. */
export interface GroupQueue<T extends Unwritten> {
  readonly empty: boolean
  push(record: T): void
  /** The oldest records, as many as fit into a frame; one at least, unless it is empty. */
  next(): T[]
}

/** A larger frame would hold up those behind it, and cost a reader more than it asked for. One record alone may be larger. */
const maxFrameBytes = 4 * 1024 * 1024
/** As the header of a frame can say. */
const maxFrameOffsets = 2 ** 32 - 1

export function groupQueue<T extends Unwritten>(): GroupQueue<T> {
  let waiting: T[] = []
  let taken = 0
  return {
    get empty() {
      return taken === waiting.length
    },
    push(record) {
      waiting.push(record)
    },
    next() {
      const end = endOfGroup(waiting, taken)
      const group = taken === 0 && end === waiting.length ? waiting : waiting.slice(taken, end)
      taken = end
      // What was given out is let go before it outweighs the rest, not each time: that would copy the rest for every group.
      if (taken * 2 >= waiting.length) {
        waiting = waiting.slice(taken)
        taken = 0
      }
      return group
    },
  }
}

function endOfGroup(waiting: readonly Unwritten[], start: number): number {
  let bytes = 0
  let offsets = 0
  for (let end = start; end < waiting.length; end++) {
    const { payload, count } = waiting[end] as Unwritten
    bytes += payload.length + rowBytes
    offsets += count
    if (end > start && (bytes > maxFrameBytes || offsets > maxFrameOffsets)) return end
  }
  return waiting.length
}
