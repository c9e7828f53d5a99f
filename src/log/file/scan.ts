import type { DiskFile } from './disk.ts'
import { bodyIsWhole, type FrameHeader, frameHeaderBytes, frameMagic, headerAt } from './frame.ts'
import { segmentHeaderBytes } from './segment.ts'
import { note, type SparseIndex } from './sparse-index.ts'
import { type Window, windowOf } from './window.ts'

export interface Scan {
  index: SparseIndex
  /** Offsets that a whole frame should hold and none does, each with the place where they should begin. */
  damages: Damage[]
  /** The offset after the last whole frame. */
  end: number
  /** The place after the last whole frame: what is behind it is a torn tail. */
  position: number
  /** Where the last whole frame begins. */
  lastFrame: number
}

export interface Damage {
  from: number
  to: number
  position: number
}

export interface Span {
  seed: number
  /** The offset that comes first. */
  base: number
  /** The offset with which the next segment begins; frames from there on were refused when they were written. */
  until: number
  bytes: number
  /** Where to begin; after the header if not said. */
  position?: number
  /** Also compare each body with its checksum; otherwise only headers are looked at. */
  bodies: boolean
}

/**
 * Walks the frames of a segment. At most one frame was being written when a process or a machine stopped, so a bad place at the end is a torn tail,
 * and a bad place with a whole frame behind it is damage to what was acknowledged.
 */
export async function scan(file: DiskFile, span: Span): Promise<Scan> {
  const window = windowOf(file, span.bytes)
  const start = span.position ?? segmentHeaderBytes
  const found: Scan = { index: { offsets: [], positions: [] }, damages: [], end: span.base, position: start, lastFrame: start }
  let looking: number | null = found.position
  while (looking !== null && looking < span.bytes && found.end < span.until) {
    const frame = await wholeFrameAt(window, looking, found.end, span)
    if (!frame) {
      looking = await nextHeader(window, looking + 1, found.end, span)
      continue
    }
    const gap = frame.base > found.end
    if (gap) found.damages.push({ from: found.end, to: frame.base, position: found.position })
    note(found.index, frame.base, looking, gap)
    found.end = frame.end
    found.lastFrame = looking
    found.position = looking + frameHeaderBytes + frame.bodyBytes
    looking = found.position
  }
  return found
}

async function wholeFrameAt(window: Window, position: number, expected: number, span: Span): Promise<FrameHeader | null> {
  const head = headerAt(await window.bytes(position, frameHeaderBytes), span.seed)
  if (!head || !fits(head, position, expected, span)) return null
  if (!span.bodies) return head
  const bytes = await window.bytes(position, frameHeaderBytes + head.bodyBytes)
  return bodyIsWhole(bytes, bytes.subarray(frameHeaderBytes), span.seed) ? head : null
}

function fits(head: FrameHeader, position: number, expected: number, span: Span): boolean {
  return head.base >= expected && head.end <= span.until && position + frameHeaderBytes + head.bodyBytes <= span.bytes
}

/** The next place from `position` on where a header stands that may follow. */
async function nextHeader(window: Window, position: number, expected: number, span: Span): Promise<number | null> {
  const stepBytes = 64 * 1024
  for (let start = position; start < span.bytes; start += stepBytes) {
    const bytes = await window.bytes(start, stepBytes + frameHeaderBytes)
    for (let at = bytes.indexOf(frameMagic); at >= 0 && at < stepBytes; at = bytes.indexOf(frameMagic, at + 1)) {
      const head = headerAt(bytes.subarray(at), span.seed)
      if (head && fits(head, start + at, expected, span)) return start + at
    }
  }
  return null
}
