import { closeSync, openSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { blockOf, blocksFor, place, wordsPerBlock } from './filter.ts'
import { copyPrint, countOf, type Prints, wordsPerPrint } from './prints.ts'
import { fenceOf, fencesFor, filterPath, printsPath, type RunInfo } from './run.ts'

const bufferedPrints = 2 ** 15
const bufferedBlocks = 2 ** 11

/** Writes prints that are in order as a run. What is left when it fails is the caller's to remove. */
export function writeRun(directory: string, name: string, prints: Prints): RunInfo {
  const writer = new RunWriter(directory, name, countOf(prints))
  try {
    for (let at = 0; at < prints.length; at += wordsPerPrint) writer.add(prints, at)
    return writer.finish()
  } catch (error) {
    writer.close()
    throw error
  }
}

/**
 * Writes a run from prints that come in order, in little memory whatever its size. Nothing refers to its files before the manifest
 * does.
 */
export class RunWriter {
  readonly #name: string
  readonly #blocks: number
  readonly #printsFile: SummedFile
  readonly #filterFile: SummedFile
  readonly #buffer = new Uint32Array(bufferedPrints * wordsPerPrint)
  #buffered = 0
  readonly #window = new Uint32Array(bufferedBlocks * wordsPerBlock)
  #windowStart = 0
  readonly #fences: Uint32Array
  #fence = 0
  readonly #days = new Uint32Array(2 ** 16)
  #count = 0

  /** @param atMost the filter is laid out for this many prints */
  constructor(directory: string, name: string, atMost: number) {
    this.#name = name
    this.#blocks = blocksFor(atMost)
    this.#fences = new Uint32Array(fencesFor(this.#blocks))
    this.#printsFile = new SummedFile(printsPath(directory, name))
    this.#filterFile = new SummedFile(filterPath(directory, name))
  }

  add(prints: Prints, at: number): void {
    const block = blockOf(prints[at] as number, this.#blocks)
    while (block >= this.#windowStart + bufferedBlocks) this.#writeWindow()
    place(this.#window, (block - this.#windowStart) * wordsPerBlock, prints, at)
    const fence = fenceOf(block)
    while (this.#fence <= fence) this.#fences[this.#fence++] = this.#count
    const day = (prints[at + 3] as number) & 0xffff
    this.#days[day] = (this.#days[day] as number) + 1
    if (this.#buffered === this.#buffer.length) this.#writePrints()
    copyPrint(prints, at, this.#buffer, this.#buffered)
    this.#buffered += wordsPerPrint
    this.#count++
  }

  /** The files are complete then, but not yet durable. */
  finish(): RunInfo {
    this.#writePrints()
    while (this.#windowStart < this.#blocks) this.#writeWindow()
    this.#filterFile.write(this.#fences.fill(this.#count, this.#fence))
    this.close()
    return {
      name: this.#name,
      count: this.#count,
      blocks: this.#blocks,
      printsSum: this.#printsFile.sum,
      filterSum: this.#filterFile.sum,
      days: this.#countedDays(),
    }
  }

  close(): void {
    this.#printsFile.close()
    this.#filterFile.close()
  }

  #countedDays(): [day: number, count: number][] {
    const counted: [number, number][] = []
    this.#days.forEach((count, day) => {
      if (count > 0) counted.push([day, count])
    })
    return counted
  }

  #writePrints(): void {
    this.#printsFile.write(this.#buffer.subarray(0, this.#buffered))
    this.#buffered = 0
  }

  #writeWindow(): void {
    const blocks = Math.min(bufferedBlocks, this.#blocks - this.#windowStart)
    this.#filterFile.write(this.#window.subarray(0, blocks * wordsPerBlock))
    this.#window.fill(0)
    this.#windowStart += blocks
  }
}

/** A file that is written once, with its checksum. */
class SummedFile {
  sum = 0
  #fd: number | undefined

  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600)
  }

  write(words: Uint32Array): void {
    if (this.#fd === undefined) return
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
    this.sum = crc32(bytes, this.sum)
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#fd, bytes, written)
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}
