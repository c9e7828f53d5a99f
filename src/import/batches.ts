import type { Position } from '../log/position.ts'
import { type Fingerprint, wordsPerPrint } from './fingerprint.ts'
import type { Ledger } from './ledger.ts'
import { isFault, leftOut, type RowMapper } from './mapping/row-mapper.ts'
import type { BlockMemory } from './readers/blocks.ts'
import type { Place, RowBlock, RowFault } from './readers/rows.ts'
import type { Reject } from './rejects.ts'
import type { EventDraft } from './sink.ts'

/** Rows that were read, and what becomes of each. */
export interface PreparedBatch {
  /** Rows before it in this file. */
  firstRow: number
  /** Where its first row starts, and the row after its last one. */
  start: Place
  next: Place
  rows: number
  range: Position
  /** The events that come of them. */
  draft: EventDraft
  imported: number
  repeated: number
  leftOut: number
  rejects: Reject[]
  /** Of the file as it stands. */
  bytesRead: number
  /** A row that is refused after all. */
  rejectOf(row: number, fault: RowFault): Reject
  /** Nobody asks for rows of this batch any more. */
  release(): void
}

export interface Preparation {
  /** Where the next batch will stand, and what its events are taken in. */
  begin(): Promise<{ range: Position; draft: EventDraft }>
  blocks: AsyncIterable<RowBlock>
  /** What the blocks are read in. */
  memory: BlockMemory
  map: RowMapper
  fingerprint: Fingerprint
  ledger: Ledger
  start: Place
  firstRow: number
  bytesRead: () => number
  /** Rows of a batch, about. */
  batchRows: number
}

const bytesPerBatch = 8 * 1024 * 1024

/** Reads the rows of a file in batches, maps them, and asks the ledger which are new. */
export async function* preparedBatches(preparation: Preparation): AsyncGenerator<PreparedBatch> {
  const { begin } = preparation
  let reading: Reading | undefined
  let at = { row: preparation.firstRow, place: preparation.start }
  for await (const block of preparation.blocks) {
    reading ??= new Reading(at.row, at.place, await begin())
    reading.add(block, preparation)
    if (!reading.isFull(preparation.batchRows)) continue
    const batch = await reading.decided(preparation)
    yield batch
    at = { row: batch.firstRow + batch.rows, place: batch.next }
    reading = undefined
  }
  if (reading) yield await reading.decided(preparation)
}

/** A batch while it is read. */
class Reading {
  #rows = 0
  readonly #range: Position
  readonly #draft: EventDraft
  readonly #firstRow: number
  readonly #start: Place
  #next: Place
  #prints = new Uint32Array(0)
  #mapped = 0
  #bytes = 0
  #leftOut = 0
  readonly #rejects: Reject[] = []
  readonly #blocks: { firstRow: number; bytes: Buffer; starts: Int32Array; ends: Int32Array; lines: Float64Array }[] = []

  constructor(firstRow: number, start: Place, { range, draft }: { range: Position; draft: EventDraft }) {
    this.#range = range
    this.#draft = draft
    this.#firstRow = firstRow
    this.#start = start
    this.#next = start
  }

  isFull(batchRows: number): boolean {
    return this.#mapped >= batchRows || this.#rows >= 10 * batchRows || this.#bytes >= bytesPerBatch
  }

  add(block: RowBlock, { map, fingerprint }: Preparation): void {
    const before = this.#rows
    this.#makeRoom(before + block.count)
    this.#keepPlaces(block)
    this.#next = block.end
    for (let row = 0; row < block.count; row++) {
      const mapped = map(block, row)
      if (mapped === leftOut) {
        this.#leftOut++
      } else if (isFault(mapped)) {
        this.#rejects.push(this.#rejectOf(before + row, mapped, !block.faultOf(row)))
      } else {
        fingerprint(block, row, this.#prints, (before + row) * wordsPerPrint)
        this.#draft.add(before + row, mapped)
        this.#mapped++
      }
    }
    this.#rows += block.count
  }

  async decided({ ledger, memory, bytesRead: read }: Preparation): Promise<PreparedBatch> {
    const rows = this.#rows
    const bytesRead = read()
    const fresh = await ledger.decide(this.#prints.subarray(0, rows * wordsPerPrint), this.#firstRow)
    let imported = 0
    for (let row = 0; row < rows; row++) imported += fresh[row] as number
    if (imported < this.#mapped) this.#draft.keep(fresh)
    return {
      firstRow: this.#firstRow,
      start: this.#start,
      next: this.#next,
      rows,
      range: this.#range,
      draft: this.#draft,
      imported,
      repeated: this.#mapped - imported,
      leftOut: this.#leftOut,
      rejects: this.#rejects,
      bytesRead,
      rejectOf: (row, fault) => this.#rejectOf(row, fault, true),
      release: () => {
        for (const { bytes } of this.#blocks.splice(0)) memory.giveBack(bytes)
      },
    }
  }

  #makeRoom(rows: number): void {
    const words = rows * wordsPerPrint
    if (this.#prints.length >= words) return
    const prints = new Uint32Array(Math.max(words, this.#prints.length * 2))
    prints.set(this.#prints)
    this.#prints = prints
  }

  #keepPlaces(block: RowBlock): void {
    const { count, bytes } = block
    const places = {
      firstRow: this.#rows,
      bytes,
      starts: new Int32Array(count),
      ends: new Int32Array(count),
      lines: new Float64Array(count),
    }
    for (let row = 0; row < count; row++) {
      places.starts[row] = block.startOf(row)
      places.ends[row] = block.endOf(row)
      places.lines[row] = block.lineOf(row)
    }
    this.#bytes += bytes.length
    this.#blocks.push(places)
  }

  #rejectOf(row: number, fault: RowFault, isWhole: boolean): Reject {
    const block = this.#blocks.findLast(({ firstRow }) => firstRow <= row)
    if (!block) throw new Error('every row stands in a block')
    const at = row - block.firstRow
    const text = block.bytes.toString('utf8', block.starts[at], block.ends[at]).replace(/\r?\n$/, '')
    return { line: block.lines[at] ?? 0, fault, text, isWhole }
  }
}
