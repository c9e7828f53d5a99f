import { LogCorrupt, type LogRecord, LogTrimmed } from '../log.ts'
import type { Disk, DiskFile } from './disk.ts'
import { type Frame, type FrameHeader, frameHeaderBytes, headerAt, openFrame, recordsOf, type SegmentSecrets } from './frame.ts'
import { codeOf } from './outcome.ts'
import { type Partition, segmentCovering, startOf, untilOf } from './partition.ts'
import { scan } from './scan.ts'
import { type Segment, segmentHeaderBytes } from './segment.ts'
import { nearest } from './sparse-index.ts'
import { type Window, windowOf } from './window.ts'

export interface ReadLimit {
  maxEvents: number
  maxBytes: number
}

export interface Reader {
  read(from: number, limit: ReadLimit): Promise<LogRecord[]>
}

export function readerOf(partition: Partition, disk: Disk): Reader {
  /** The frame that a reader left in its middle; it comes back for the rest. */
  let unfinished: Frame | undefined

  return {
    async read(from, limit) {
      if (from < startOf(partition)) throw new LogTrimmed(startOf(partition))
      const gathering = gatheringOf(partition.number, from, limit)
      while (!gathering.full && gathering.cursor < partition.end) {
        const frame = partition.recent.covering(gathering.cursor) ?? held(unfinished, gathering.cursor)
        if (frame) gathering.take(frame)
        else if (!(await takeFromDisk(gathering))) break
      }
      return gathering.records
    },
  }

  /** False when there is damage ahead that the next read will meet at once. */
  async function takeFromDisk(gathering: Gathering): Promise<boolean> {
    try {
      const last = await takeFromSegment(partition, disk, gathering)
      if (last && last.end > gathering.cursor) unfinished = last
      return true
    } catch (error) {
      if (gathering.records.length > 0) return false
      if (gathering.cursor < startOf(partition)) throw new LogTrimmed(startOf(partition))
      throw error
    }
  }
}

function held(frame: Frame | undefined, offset: number): Frame | undefined {
  return frame && frame.base <= offset && offset < frame.end ? frame : undefined
}

interface Gathering {
  readonly records: LogRecord[]
  /** The next offset that is wanted. */
  readonly cursor: number
  readonly full: boolean
  take(frame: Frame): void
}

function gatheringOf(partition: number, from: number, { maxEvents, maxBytes }: ReadLimit): Gathering {
  const records: LogRecord[] = []
  let cursor = from
  let events = 0
  let bytes = 0
  let full = false
  return {
    records,
    get cursor() {
      return cursor
    },
    get full() {
      return full
    },
    take(frame) {
      for (const record of recordsOf(frame, partition, cursor)) {
        events += record.count
        bytes += record.payload.length
        full = records.length > 0 && (events > maxEvents || bytes > maxBytes)
        if (full) return
        records.push(record)
        cursor = record.offset + record.count
      }
    },
  }
}

/** Takes frames of the segment that covers the cursor, until it ends or enough is gathered; the last frame it took from. */
async function takeFromSegment(partition: Partition, disk: Disk, gathering: Gathering): Promise<Frame | undefined> {
  const segment = segmentCovering(partition, gathering.cursor)
  if (!segment) throw new LogTrimmed(startOf(partition))
  const until = untilOf(partition, segment)
  const bytes = segment.bytes
  const damaged = (to: number) => new LogCorrupt(partition.number, gathering.cursor, to, segment.path)
  if (!segment.secrets) throw damaged(until)
  const file = await disk.open(segment.path).catch(error => {
    throw codeOf(error) === 'ENOENT' ? damaged(until) : error
  })
  try {
    const place = { file, segment, secrets: segment.secrets, until, bytes }
    return await takeFrames(place, gathering, damaged)
  } finally {
    await file.close()
  }
}

interface Place {
  file: DiskFile
  segment: Segment
  secrets: SegmentSecrets
  until: number
  bytes: number
}

async function takeFrames(place: Place, gathering: Gathering, damaged: (to: number) => LogCorrupt): Promise<Frame | undefined> {
  const { until } = place
  const window = windowOf(place.file, place.bytes)
  let { offset: expected, position } = await beginningOf(place, gathering.cursor)
  let frame: Frame | undefined
  while (!gathering.full && gathering.cursor < until) {
    const head = headerAt(await window.bytes(position, frameHeaderBytes), place.secrets.seed)
    if (!head || head.base < expected || head.end > until) {
      const { next, resumeAt } = await behindDamage(place, { offset: expected, position }, gathering.cursor)
      if (!next) throw damaged(resumeAt)
      expected = next.offset
      position = next.position
      continue
    }
    if (head.base > gathering.cursor) throw damaged(head.base)
    if (head.end > gathering.cursor) {
      frame = await opened(window, position, head, place.secrets)
      if (!frame) throw damaged(head.end)
      gathering.take(frame)
    }
    expected = head.end
    position += frameHeaderBytes + head.bodyBytes
  }
  return frame
}

async function opened(window: Window, position: number, head: FrameHeader, { key }: SegmentSecrets): Promise<Frame | undefined> {
  const bytes = await window.bytes(position, frameHeaderBytes + head.bodyBytes)
  try {
    return openFrame(head, bytes.subarray(0, frameHeaderBytes), bytes.subarray(frameHeaderBytes), key)
  } catch {
    return undefined
  }
}

/** A frame's base offset and where it begins. */
interface Beginning {
  offset: number
  position: number
}

/** The place from which to walk to the offset. The index of an old segment is made when it is first read. */
async function beginningOf({ file, segment, secrets, until, bytes }: Place, offset: number): Promise<Beginning> {
  segment.index ??= (await scan(file, { seed: secrets.seed, base: segment.base, until, bytes, bodies: false })).index
  return nearest(segment.index, offset) ?? { offset: segment.base, position: segmentHeaderBytes }
}

/** Behind a bad place: from where to walk on to the wanted offset, or, if that is lost, where reading can go on. */
async function behindDamage(
  { file, secrets, until, bytes }: Place,
  bad: Beginning,
  wanted: number,
): Promise<{ next?: Beginning; resumeAt: number }> {
  const found = await scan(file, { seed: secrets.seed, base: bad.offset, until, bytes, position: bad.position, bodies: true })
  const next = nearest(found.index, wanted)
  return next ? { next, resumeAt: wanted } : { resumeAt: found.damages[0]?.to ?? until }
}
