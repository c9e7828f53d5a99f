import { join } from 'node:path'
import type { Disk, DiskFile } from './disk.ts'
import { mostOffsetsIn } from './frame.ts'
import type { ReportOutcome } from './outcome.ts'
import type { Partition } from './partition.ts'
import { recentFrames } from './recent.ts'
import { type Damage, type Scan, scan } from './scan.ts'
import { baseOf, clearRemains, headOf, type Segment, type SegmentHead, segmentHeaderBytes, segmentName } from './segment.ts'

export interface Recovered {
  partition: Partition
  /** The segment to go on writing to; null when the next record needs a new one. */
  active: { segment: Segment; file: DiskFile } | null
}

interface Settings {
  disk: Disk
  key: Buffer
  directory: string
  cacheBytes: number
  /** The furthest that anybody has used. */
  used: number
  report: ReportOutcome
}

/**
 * Opens a partition as a crash may have left it: takes away segments that were being made or destroyed, looks at every frame of the last segment, and
 * cuts off its torn tail. Older segments are looked at when they are read.
 *
 * Damage to acknowledged records does not keep the log from opening, for new ones must be taken; it is reported, and met with LogCorrupt by who reads there.
 * @throws LogKeyWrong
 */
export async function recover(number: number, settings: Settings): Promise<Recovered> {
  const { disk, report, used, cacheBytes } = settings
  const directory = join(settings.directory, String(number))
  await prepareDirectory(disk, settings.directory, directory)
  const segments = await segmentsIn(number, directory, settings)
  const partition: Partition = { number, directory, segments, end: segments.at(-1)?.base ?? 0, recent: recentFrames(cacheBytes) }
  const last = segments.at(-1)
  const active = last ? await recoverLast(partition, last, settings) : null
  if (used <= partition.end) return { partition, active }

  // Somebody has seen what is no longer here. Its offsets are not given out again: new records begin behind them, in a new segment.
  report({
    kind: 'damaged',
    partition: number,
    file: last?.path ?? directory,
    position: last?.bytes ?? 0,
    from: partition.end,
    to: used,
  })
  partition.end = used
  await active?.file.close()
  return { partition, active: null }
}

/** A process killed before its last syncs leaves things that are seen but not yet durable: nothing is built on them before they are. */
async function prepareDirectory(disk: Disk, above: string, directory: string): Promise<void> {
  await disk.makeDirectory(directory)
  await clearRemains(disk, directory)
  await disk.syncDirectory(above)
}

async function segmentsIn(partition: number, directory: string, { disk, key }: Settings): Promise<Segment[]> {
  const bases = (await disk.list(directory)).map(baseOf).filter(base => base !== null)
  bases.sort((a, b) => a - b)
  const segments: Segment[] = []
  for (const base of bases) {
    const path = join(directory, segmentName(base))
    const { head, bytes } = await headIn(disk, path, { key, partition, base })
    segments.push({ path, base, bytes, index: null, leaving: false, ...(head ?? { createdAt: 0, secrets: null }) })
  }
  return segments
}

async function headIn(
  disk: Disk,
  path: string,
  place: { key: Buffer; partition: number; base: number },
): Promise<{ head: SegmentHead | null; bytes: number }> {
  const file = await disk.open(path)
  try {
    const header = Buffer.alloc(segmentHeaderBytes)
    const read = await file.read(header, 0)
    return { head: headOf(header.subarray(0, read), place.key, { ...place, path }), bytes: await file.size() }
  } finally {
    await file.close()
  }
}

async function recoverLast(partition: Partition, segment: Segment, { disk, report }: Settings): Promise<Recovered['active']> {
  if (segment.bytes < segmentHeaderBytes) {
    // No frame was ever in it; the next record makes it anew under the same name.
    partition.segments.pop()
    report({ kind: 'tail-cut', partition: partition.number, file: segment.path, bytes: segment.bytes })
    return null
  }
  if (!segment.secrets) {
    // Where it ended cannot be known; from here on offsets are certainly new.
    partition.end = segment.base + mostOffsetsIn(segment.bytes)
    reportDamage(partition, segment, { from: segment.base, to: partition.end, position: 0 }, report)
    return null
  }
  const file = await disk.open(segment.path)
  const span = { seed: segment.secrets.seed, base: segment.base, until: Number.MAX_SAFE_INTEGER, bytes: segment.bytes, bodies: true }
  const found = await scan(file, span)
  for (const damage of found.damages) reportDamage(partition, segment, damage, report)
  const torn = segment.bytes - found.position
  if (torn > 0) {
    await file.truncate(found.position)
    report({ kind: 'tail-cut', partition: partition.number, file: segment.path, bytes: torn })
  }
  await settle(file, found)
  segment.index = found.index
  segment.bytes = found.position
  partition.end = found.end
  return { segment, file }
}

/**
 * Makes sure of the last frame. Its sync may have failed, or never have come, in a process that died of it: then the kernel shows the frame and takes it
 * for clean, and only writing it again brings it to the disk.
 */
async function settle(file: DiskFile, { lastFrame, position }: Scan): Promise<void> {
  const frame = Buffer.allocUnsafeSlow(position - lastFrame)
  await file.read(frame, lastFrame)
  if (frame.length > 0) await file.write([frame], lastFrame)
  await file.sync()
}

function reportDamage(partition: Partition, segment: Segment, damage: Damage, report: ReportOutcome): void {
  report({ kind: 'damaged', partition: partition.number, file: segment.path, ...damage })
}
