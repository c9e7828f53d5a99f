import { LogBusy, LogClosed, LogFailed, LogFull } from '../log.ts'
import type { Disk, DiskFile } from './disk.ts'
import { type Frame, frameHeaderBytes, frameOf, maxCount, maxPayloadBytes, seal, type Unwritten } from './frame.ts'
import type { FreeSpace } from './free-space.ts'
import { groupQueue } from './group-queue.ts'
import { codeOf, type ReportOutcome } from './outcome.ts'
import type { Partition } from './partition.ts'
import type { QueueRoom } from './queue-room.ts'
import { scan } from './scan.ts'
import { createSegment, type Segment, segmentHeaderBytes } from './segment.ts'
import { nearest, note } from './sparse-index.ts'

export interface WriterSettings {
  disk: Disk
  key: Buffer
  now: () => number
  segmentBytes: number
  space: FreeSpace
  room: QueueRoom
  report: ReportOutcome
  /** The partition's end has moved. */
  grown: () => void
}

interface Waiting extends Unwritten {
  resolve: (offset: number) => void
  reject: (error: Error) => void
}

interface Active {
  segment: Segment
  file: DiskFile
}

/**
 * The one writer of a partition. What arrives while a frame is being synced goes into the next one: the cost of a sync is shared by all who wait for it.
 * A frame that fails is refused as a whole and cut off again; after a failed sync, or when cutting fails, nothing more is written to that segment.
 */
export class Writer {
  readonly #partition: Partition
  readonly #settings: WriterSettings
  #active: Active | null
  readonly #queue = groupQueue<Waiting>()
  #running = false
  #lastRun: Promise<void> = Promise.resolve()
  #ageLimit: number | null = null
  #closed = false

  constructor(partition: Partition, active: Active | null, settings: WriterSettings) {
    this.#partition = partition
    this.#active = active
    this.#settings = settings
  }

  append(payload: Buffer, count: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusalOf(payload, count)
      if (refusal) return reject(refusal)
      this.#settings.room.take(payload.length)
      this.#queue.push({ payload, count, resolve, reject })
      this.#run()
    })
  }

  /** Closes the segment being written if it was begun before `olderThan` and holds something. */
  async roll(olderThan: number): Promise<void> {
    if (this.#closed) return
    this.#ageLimit = olderThan
    await this.#run()
  }

  /** Refuses what comes from now on, and writes what was taken. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#lastRun
    await this.#active?.file.close()
    this.#active = null
  }

  #refusalOf(payload: Buffer, count: number): Error | null {
    if (this.#closed) return new LogClosed('the log is closed')
    if (!Number.isInteger(count) || count < 1 || count > maxCount) return new RangeError(`a record takes 1 to ${maxCount} offsets`)
    if (payload.length > maxPayloadBytes) return new RangeError(`a record of the log holds at most ${maxPayloadBytes} bytes`)
    const { room, space } = this.#settings
    if (!room.fits(payload.length))
      return new LogBusy('more is waiting to be written to the log than memory is given for: try again shortly')
    if (!space.low) return null
    void space.refresh()
    return new LogFull('the disk of the event log is down to its reserve: free some space')
  }

  #run(): Promise<void> {
    if (!this.#running) {
      this.#running = true
      this.#lastRun = this.#work()
    }
    return this.#lastRun
  }

  async #work(): Promise<void> {
    try {
      while (!this.#queue.empty || this.#ageLimit !== null) {
        // One turn of the loop: those whose frame has just been acknowledged and those whose request has just arrived share the next one.
        await new Promise(resolve => setImmediate(resolve))
        if (this.#ageLimit !== null) await this.#rollByAge(this.#ageLimit)
        const group = this.#queue.next()
        if (group.length > 0) await this.#write(group)
      }
    } finally {
      this.#running = false
    }
  }

  async #write(group: Waiting[]): Promise<void> {
    const { now, room, space } = this.#settings
    try {
      await space.refresh()
      if (space.low) throw new LogFull('the disk of the event log is down to its reserve: free some space')
      const frame = frameOf(group, this.#partition.end, now())
      await this.#commit(frame)
      this.#acknowledge(group, frame)
    } catch (error) {
      const refusal = refusalFor(error)
      for (const { reject } of group) reject(refusal)
    }
    for (const { payload } of group) room.give(payload.length)
  }

  async #commit(frame: Frame): Promise<void> {
    const active = await this.#activeFor(frameHeaderBytes + frame.plain.length)
    const { segment, file } = active
    if (!segment.secrets || !segment.index) throw new Error('the active segment has no key')
    const sealed = seal(frame, segment.secrets)
    const bytes = sealed[0].length + sealed[1].length
    try {
      await file.write(sealed, segment.bytes)
    } catch (error) {
      await this.#cutBack(active, error)
      throw error
    }
    try {
      await file.sync()
    } catch (error) {
      await this.#abandon(active, error)
      throw error
    }
    note(segment.index, frame.base, segment.bytes)
    segment.bytes += bytes
    this.#settings.space.wrote(bytes)
  }

  #acknowledge(group: Waiting[], frame: Frame): void {
    this.#partition.recent.add(frame)
    this.#partition.end = frame.end
    let offset = frame.base
    for (const { resolve, count } of group) {
      resolve(offset)
      offset += count
    }
    this.#settings.grown()
  }

  /** The segment to write to: a new one when there is none to trust, or when this frame would make it too large. */
  async #activeFor(bytes: number): Promise<Active> {
    const active = this.#active
    if (active && (active.segment.bytes === segmentHeaderBytes || active.segment.bytes + bytes <= this.#settings.segmentBytes))
      return active
    return this.#nextSegment()
  }

  async #rollByAge(olderThan: number): Promise<void> {
    this.#ageLimit = null
    const segment = this.#active?.segment
    if (!segment || segment.createdAt > olderThan || segment.bytes === segmentHeaderBytes) return
    await this.#nextSegment().catch(error => this.#report('write-failed', segment, error, true))
  }

  async #nextSegment(): Promise<Active> {
    const { disk, key, now } = this.#settings
    const { segments, end, number, directory } = this.#partition
    // From here on the old one takes nothing more, also when making the new one fails: the new one's base is where the old one ends.
    await this.#active?.file.close().catch(() => {})
    this.#active = null
    this.#active = await createSegment(disk, key, directory, { partition: number, base: end, createdAt: now() })
    if (segments.at(-1)?.base === end) segments.pop()
    segments.push(this.#active.segment)
    return this.#active
  }

  /** After a write that failed part of the way: the segment stays, if the part can be taken off again. */
  async #cutBack(active: Active, error: unknown): Promise<void> {
    try {
      await active.file.truncate(active.segment.bytes)
      this.#report('write-failed', active.segment, error, false)
    } catch {
      await this.#abandon(active, error)
    }
  }

  /**
   * After a failed sync the kernel may hold as clean what never reached the disk, so nothing more is built on this file.
   * What was acknowledged in it was synced before; its last part is read back to be sure.
   */
  async #abandon({ segment, file }: Active, error: unknown): Promise<void> {
    this.#active = null
    this.#report('write-failed', segment, error, true)
    await file.truncate(segment.bytes).catch(() => {})
    await this.#readBack(segment, file).catch(failure => this.#report('write-failed', segment, failure, true))
    await file.close().catch(() => {})
  }

  async #readBack(segment: Segment, file: DiskFile): Promise<void> {
    const last = segment.index && nearest(segment.index, this.#partition.end)
    if (!last || !segment.secrets) return
    const { end } = this.#partition
    const span = { seed: segment.secrets.seed, base: last.offset, position: last.position, until: end, bytes: segment.bytes, bodies: true }
    const found = await scan(file, span)
    const missing = found.end < end ? [{ from: found.end, to: end, position: found.position }] : []
    for (const damage of [...found.damages, ...missing]) {
      this.#settings.report({ kind: 'damaged', partition: this.#partition.number, file: segment.path, ...damage })
    }
  }

  #report(kind: 'write-failed', segment: Segment, error: unknown, abandoned: boolean): void {
    this.#settings.report({ kind, partition: this.#partition.number, file: segment.path, code: codeOf(error), abandoned })
  }
}

function refusalFor(error: unknown): Error {
  if (error instanceof LogFull) return error
  const code = codeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new LogFull('the disk of the event log is full: free some space', { cause: error })
  return new LogFailed(`the event log could not be written (${code})`, { cause: error })
}
