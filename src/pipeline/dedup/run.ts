import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { blockOf, candidatesOf, wordsPerBlock } from './filter.ts'
import { bytesPerPrint, compare, type Prints, wordsPerPrint } from './prints.ts'

/**
 * A run is a set of prints that never changes. `NAME.run` holds them in order; `NAME.filter` holds its filter, then its fences: how many
 * prints lie before each group of four blocks. This is what the manifest says of it.
 */
export interface RunInfo {
  name: string
  count: number
  blocks: number
  /** CRC-32 of each file. */
  printsSum: number
  filterSum: number
  /** How many prints there are of each day, in order of days. */
  days: [day: number, count: number][]
}

const blocksPerFence = 4

export function fenceOf(block: number): number {
  return Math.floor(block / blocksPerFence)
}

export function fencesFor(blocks: number): number {
  return fenceOf(blocks - 1) + 2
}

export function printsPath(directory: string, name: string): string {
  return join(directory, `${name}.run`)
}

export function filterPath(directory: string, name: string): string {
  return join(directory, `${name}.filter`)
}

/** How many prints of a run were remembered before a day. */
export function countBefore(run: RunInfo, day: number): number {
  return run.days.reduce((sum, [of, count]) => (of < day ? sum + count : sum), 0)
}

/** A file is not what was written. */
export class RunDamaged extends Error {
  override name = 'RunDamaged'
  readonly part: 'prints' | 'filter'

  constructor(run: RunInfo, part: 'prints' | 'filter') {
    super(`the ${part} of ${run.name} are not what was written: restore the dedup directory, or remove it and forget what has been seen`)
    this.part = part
  }
}

/** A run that answers: its filter and fences are in memory, its prints on disk. */
export class Run {
  readonly info: RunInfo
  readonly #fd: number
  /** The filter, then the fences. */
  #index: Uint32Array
  #page = new Uint32Array(0)

  /** @throws RunDamaged */
  constructor(directory: string, info: RunInfo) {
    this.info = info
    this.#index = readIndex(directory, info)
    this.#fd = openSync(printsPath(directory, info.name), 'r')
    if (fstatSync(this.#fd).size === info.count * bytesPerPrint) return
    closeSync(this.#fd)
    throw new RunDamaged(info, 'prints')
  }

  /** Which of the fresh prints may be here. All others certainly are not. */
  candidates(prints: Prints, fresh: Uint8Array): number[] {
    return candidatesOf(this.#index, this.info.blocks, prints, fresh)
  }

  /** The day the print was remembered, 0 if it is not here. Costs one small read. */
  dayOf(prints: Prints, at: number): number {
    const fence = this.info.blocks * wordsPerBlock + fenceOf(blockOf(prints[at] as number, this.info.blocks))
    const from = this.#index[fence] as number
    const page = this.#read(from, (this.#index[fence + 1] as number) - from)
    let low = 0
    let high = page.length / wordsPerPrint
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = compare(page, middle * wordsPerPrint, prints, at)
      if (order === 0) return (page[middle * wordsPerPrint + 3] as number) & 0xffff
      if (order < 0) low = middle + 1
      else high = middle
    }
    return 0
  }

  get memoryBytes(): number {
    return this.#index.byteLength + this.#page.byteLength
  }

  /** Gives the memory back now rather than with the next garbage collection. */
  close(): void {
    closeSync(this.#fd)
    ;(this.#index.buffer as ArrayBuffer).resize(0)
    this.#index = new Uint32Array(0)
  }

  #read(from: number, count: number): Prints {
    const length = count * wordsPerPrint
    if (this.#page.length < length) this.#page = new Uint32Array(2 * length)
    const page = this.#page.subarray(0, length)
    const read = readSync(this.#fd, page, 0, page.byteLength, from * bytesPerPrint)
    if (read !== page.byteLength) throw new RunDamaged(this.info, 'prints')
    return page
  }
}

/** Makes a finished run durable; its directory entry is the manifest's business. */
export async function syncRun(directory: string, name: string): Promise<void> {
  for (const path of [printsPath(directory, name), filterPath(directory, name)]) {
    const file = await open(path, 'r+')
    await file.sync().finally(() => file.close())
  }
}

export async function removeRun(directory: string, name: string): Promise<void> {
  await rm(printsPath(directory, name), { force: true })
  await rm(filterPath(directory, name), { force: true })
}

function readIndex(directory: string, info: RunInfo): Uint32Array {
  const length = info.blocks * wordsPerBlock + fencesFor(info.blocks)
  const index = new Uint32Array(new ArrayBuffer(4 * length, { maxByteLength: 4 * length }), 0, length)
  const bytes = new Uint8Array(index.buffer, 0, 4 * length)
  const path = filterPath(directory, info.name)
  if (!existsSync(path)) throw new RunDamaged(info, 'filter')
  const fd = openSync(path, 'r')
  let read = 0
  try {
    for (let more = -1; more !== 0 && read < bytes.length; read += more) more = readSync(fd, bytes, read, bytes.length - read, read)
  } finally {
    closeSync(fd)
  }
  if (read < bytes.length || crc32(bytes) !== info.filterSum) throw new RunDamaged(info, 'filter')
  return index
}
