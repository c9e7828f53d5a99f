import type { Consumers } from './consumers.ts'
import type { Disk } from './disk.ts'
import type { ReportOutcome } from './outcome.ts'
import { type Partition, startOf } from './partition.ts'
import { destroySegment, type Segment } from './segment.ts'

export interface Retention {
  /** Records are kept so long at least, except for `maxBytes`. A segment is also closed at that age, so none is kept much longer than twice this. */
  minMs: number
  /** Over this many bytes in a partition, committed segments go before their time. What is not committed stays, and is reported. */
  maxBytes?: number
}

/**
 * Removes the oldest segments that every known consumer has committed and that are old enough. While no consumer is known nothing is removed:
 * what was acknowledged and not yet used is never given up.
 */
export async function retain(
  partition: Partition,
  consumers: Consumers,
  { minMs, maxBytes = Number.POSITIVE_INFINITY }: Retention,
  { disk, now, report }: { disk: Disk; now: number; report: ReportOutcome },
): Promise<void> {
  const last = consumers.last(partition.number)
  const removed: Segment[] = []
  for (let [oldest, next] = partition.segments; oldest && next; [oldest, next] = partition.segments) {
    const old = next.createdAt <= now - minMs
    const committed = last !== null && next.base <= last.offset
    if (!committed || !(old || bytesOf(partition.segments) > maxBytes)) break
    // One after the other: a segment is never destroyed while an older one may still stand.
    oldest.leaving = true
    await destroySegment(disk, oldest.path)
    partition.segments.shift()
    removed.push(oldest)
  }
  const { number } = partition
  if (removed.length > 0)
    report({ kind: 'removed', partition: number, segments: removed.length, bytes: bytesOf(removed), start: startOf(partition) })
  const bytes = bytesOf(partition.segments)
  if (bytes > maxBytes) report({ kind: 'over-size', partition: number, bytes, waitsFor: last?.consumer ?? '' })
}

function bytesOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.bytes, 0)
}
