import { closeSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { bytesPerPrint, compare, type Prints, wordsPerPrint } from './prints.ts'
import { countBefore, printsPath, RunDamaged, type RunInfo, removeRun } from './run.ts'
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

/** Merges runs into one. Of equal prints the one of the latest day stays. Nothing of the output is left if it fails. */
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
    removeRun(directory, output)
    throw error
  } finally {
    for (const cursor of cursors) cursor.close()
  }
}

function writeMerged(cursors: Cursor[], writer: RunWriter, firstDay: number): void {
  let open = cursors.filter(cursor => cursor.start())
  while (open.length > 0) {
    const latest = lowest(open)
    if (latest.day >= firstDay) writer.add(latest.prints, latest.at)
    let ended = false
    for (const cursor of open) {
      if (cursor !== latest && compare(cursor.prints, cursor.at, latest.prints, latest.at) === 0) ended = !cursor.next() || ended
    }
    ended = !latest.next() || ended
    if (ended) open = open.filter(cursor => !cursor.ended)
  }
}

/** The cursor with the lowest print; of equal prints that of the latest day. */
function lowest(cursors: Cursor[]): Cursor {
  let best = cursors[0] as Cursor
  for (let i = 1; i < cursors.length; i++) {
    const cursor = cursors[i] as Cursor
    const order = compare(cursor.prints, cursor.at, best.prints, best.at)
    if (order < 0 || (order === 0 && cursor.day > best.day)) best = cursor
  }
  return best
}

/** Goes through a run's prints from the first to the last, and checks that they are what was written. */
class Cursor {
  readonly prints: Prints = new Uint32Array(printsPerRead * wordsPerPrint)
  at = 0
  ended = false
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

  /** False at the end. */
  start(): boolean {
    return this.#fill()
  }

  /** False at the end. */
  next(): boolean {
    this.at += wordsPerPrint
    return this.at < this.#words || this.#fill()
  }

  close(): void {
    closeSync(this.#fd)
  }

  #fill(): boolean {
    const count = Math.min(printsPerRead, this.#run.count - this.#read)
    const bytes = new Uint8Array(this.prints.buffer, 0, count * bytesPerPrint)
    if (readSync(this.#fd, bytes, 0, bytes.length, this.#read * bytesPerPrint) !== bytes.length) {
      throw new RunDamaged(this.#run, 'prints')
    }
    this.#sum = crc32(bytes, this.#sum)
    this.#read += count
    this.#words = count * wordsPerPrint
    this.at = 0
    this.ended = count === 0
    if (this.ended && this.#sum !== this.#run.printsSum) {
      throw new RunDamaged(this.#run, 'prints')
    }
    return !this.ended
  }
}
