import type { RecentFrames } from './recent.ts'
import type { Segment } from './segment.ts'

/** One partition as it stands: its writer moves `end` and adds segments, retention removes them, readers only look. */
export interface Partition {
  readonly number: number
  readonly directory: string
  /** Oldest first; empty before the first record. */
  readonly segments: Segment[]
  /** The offset after the last durable event. */
  end: number
  readonly recent: RecentFrames
}

export function startOf(partition: Partition): number {
  return partition.segments.find(({ leaving }) => !leaving)?.base ?? partition.end
}

/** The offset at which this segment's successor begins, or the durable end for the last. */
export function untilOf(partition: Partition, segment: Segment): number {
  return partition.segments[partition.segments.indexOf(segment) + 1]?.base ?? partition.end
}

/** The segment whose range holds the offset. */
export function segmentCovering(partition: Partition, offset: number): Segment | undefined {
  return partition.segments.findLast(segment => segment.base <= offset)
}
