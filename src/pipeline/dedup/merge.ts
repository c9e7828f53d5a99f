import { closeSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { bytesPerPrint, compare, type Prints, wordsPerPrint } from './prints.ts'
import { countBefore, printsPath, RunDamaged, type RunInfo } from './run.ts'
import { RunWriter } from './run-writer.ts'

export interface Merge {
  directory: string
  /** At least one. */
  inputs: RunInfo[]
  /** The name of the run to write. */
  output: string
  /** Prints of earlier days are left out. */
  firstDay: number
}

const printsPerRead = 2 ** 14

/** Above the top of every print. */
const atEnd = 2 ** 32

/** Merges runs into one. Of equal prints the one of the latest day stays. What is left when it fails is the caller's to remove. */
export function mergeRuns({ directory, inputs, output, firstDay }: Merge): RunInfo {
  const atMost = inputs.reduce((sum, run) => sum + run.count - countBefore(run, firstDay), 0)
  const cursors: Cursor[] = []
  let writer: RunWriter | undefined
  try {
    writer = new RunWriter(directory, output, atMost)
    for (const run of inputs) cursors.push(new Cursor(directory, run))
    writeMerged(cursors, writer, firstDay)
    return writer.finish()
  } catch (error) {
    writer?.close()
    throw error
  } finally {
    for (const cursor of cursors) cursor.close()
  }
}

function writeMerged(cursors: Cursor[], writer: RunWriter, firstDay: number): void {
  const tops = Float64Array.from(cursors, cursor => cursor.start())
  for (;;) {
    let lowest = 0
    let alone = true
    for (let i = 1; i < tops.length; i++) {
      if ((tops[i] as number) > (tops[lowest] as number)) continue
      alone = (tops[i] as number) < (tops[lowest] as number)
      lowest = i
    }
    if (tops[lowest] === atEnd) return
    if (!alone) lowest = skipRepeats(cursors, tops)
    const cursor = cursors[lowest] as Cursor
    if (cursor.day >= firstDay) writer.add(cursor.prints, cursor.at)
    tops[lowest] = cursor.next()
  }
}

/** Several cursors have the lowest top. Of those at the lowest print, all but the one with the latest day are moved past it. */
function skipRepeats(cursors: Cursor[], tops: Float64Array): number {
  let lowest = tops.indexOf(Math.min(...tops))
  for (let i = 0; i < cursors.length; i++) {
    if (i === lowest || tops[i] !== tops[lowest]) continue
    const [best, other] = [cursors[lowest] as Cursor, cursors[i] as Cursor]
    const order = compare(other.prints, other.at, best.prints, best.at)
    if (order > 0) continue
    const winner = order < 0 || other.day > best.day ? i : lowest
    const loser = winner === i ? lowest : i
    if (order === 0) tops[loser] = (cursors[loser] as Cursor).next()
    lowest = winner
  }
  return lowest
}

/** Goes through a run's prints from the first to the last, and checks that they are what was written. */
class Cursor {
  readonly prints: Prints = new Uint32Array(printsPerRead * wordsPerPrint)
  at = 0
  readonly #run: RunInfo
  readonly #fd: number
  #words = 0
  #read = 0
  #sum = 0

  constructor(directory: string, run: RunInfo) {
    this.#run = run
    this.#fd = openSync(printsPath(directory, run.name), 'r')
  }

  get day(): number {
    return (this.prints[this.at + 3] as number) & 0xffff
  }

  /** The top of the first print. */
  start(): number {
    return this.#fill()
  }

  /** The top of the next print. */
  next(): number {
    this.at += wordsPerPrint
    return this.at < this.#words ? (this.prints[this.at] as number) : this.#fill()
  }

  close(): void {
    closeSync(this.#fd)
  }

  #fill(): number {
    const count = Math.min(printsPerRead, this.#run.count - this.#read)
    const bytes = new Uint8Array(this.prints.buffer, 0, count * bytesPerPrint)
    if (readSync(this.#fd, bytes, 0, bytes.length, this.#read * bytesPerPrint) !== bytes.length) {
      throw new RunDamaged(this.#run, 'prints')
    }
    this.#sum = crc32(bytes, this.#sum)
    this.#read += count
    this.#words = count * wordsPerPrint
    this.at = 0
    if (count > 0) return this.prints[0] as number
    if (this.#sum !== this.#run.printsSum) {
      throw new RunDamaged(this.#run, 'prints')
    }
    return atEnd
  }
}
