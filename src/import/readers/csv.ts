import { isUtf8 } from 'node:buffer'
import { maxRowBytes, type Place, type RowBlock, type RowFault, type Scan } from './rows.ts'

export interface CsvDialect {
  /** `,`, `;`, tab or `|`: one ASCII character. */
  delimiter: string
}

/**
 * Reads CSV as RFC 4180 has it, with LF or CRLF; a quote inside an unquoted field is taken as it is; blank lines are no rows.
 * A row that does not fit (too many or too few fields, text after a closing quote, a quote never closed) is a fault of its first line
 * alone, and the lines after that one are read again: a stray quote does not swallow the rows that follow it.
 */
export function csvScan({ delimiter }: CsvDialect, columns: readonly string[], longest = maxRowBytes): Scan {
  const scanner = new CsvScanner(delimiter, columns, longest)
  return (bytes, final, start) => scanner.scan(bytes, final, start)
}

/** The first record, and where the next one starts; undefined when there is none. */
export function csvHeader({ delimiter }: CsvDialect, bytes: Buffer, final: boolean): { fields: string[]; end: Place } | undefined {
  const block = new CsvScanner(delimiter, undefined, maxRowBytes, 1).scan(bytes, final, { offset: 0, line: 1 })
  return block.count > 0 && !block.faultOf(0) ? { fields: block.fieldsOf(0), end: block.end } : undefined
}

/** How many fields each of the first records has. */
export function csvWidths({ delimiter }: CsvDialect, bytes: Buffer, final: boolean, atMost: number): number[] {
  const block = new CsvScanner(delimiter, undefined, maxRowBytes, atMost).scan(bytes, final, { offset: 0, line: 1 })
  return Array.from({ length: block.count }, (_, row) => (block.faultOf(row) ? 0 : block.widthOf(row)))
}

const LF = 10
const CR = 13
const quote = 34

/** How a field stands in the bytes. */
const ascii = 0
const wide = 1
const escaped = 2

/** What follows a field. */
const field = 0
const rowEnd = 1
const unfinished = 2
const textAfterQuote = 3
const neverClosed = 4
type Follows = typeof field | typeof rowEnd | typeof unfinished | typeof textAfterQuote | typeof neverClosed

const anyWidth = 2048

/** Keeps its arrays from block to block, so that a row costs no allocation. */
class CsvScanner {
  private readonly delimiter: number
  private readonly columns: readonly string[] | undefined
  private readonly width: number
  private readonly longest: number
  private readonly atMost: number

  private bytes: Buffer = Buffer.alloc(0)
  private final = false
  private at = 0
  private line = 1
  private count = 0
  private insideRefused = false

  private readonly cells: Cells = { starts: new Int32Array(0), ends: new Int32Array(0), kinds: new Uint8Array(0) }
  private readonly rows: Rows = {
    starts: new Int32Array(0),
    ends: new Int32Array(0),
    widths: new Int32Array(0),
    lines: new Float64Array(0),
  }
  private faults = new Map<number, RowFault>()

  /** @param columns undefined when rows may have any number of fields */
  constructor(delimiter: string, columns: readonly string[] | undefined, longest: number, atMost = Number.POSITIVE_INFINITY) {
    this.delimiter = delimiter.charCodeAt(0)
    this.columns = columns
    this.width = columns?.length ?? anyWidth
    this.longest = longest
    this.atMost = atMost
  }

  scan(bytes: Buffer, final: boolean, start: Place): CsvBlock {
    this.bytes = bytes
    this.final = final
    this.at = 0
    this.line = start.line
    this.count = 0
    this.faults = new Map()
    this.insideRefused = start.insideRefused ?? false
    if (this.insideRefused) this.skipLine()
    let read = this.at
    let readLine = this.line
    while (this.at < bytes.length && this.count < this.atMost && (this.isBlankLine() || this.readRow())) {
      read = this.at
      readLine = this.line
    }
    const end = { offset: start.offset + read, line: readLine, insideRefused: this.insideRefused }
    return new CsvBlock(bytes.subarray(0, read), this.count, end, this.width, this.cells, this.rows, this.faults)
  }

  private skipLine(): void {
    const end = this.bytes.indexOf(LF)
    this.insideRefused = end < 0
    this.at = end < 0 ? this.bytes.length : end + 1
    if (end >= 0) this.line++
  }

  private isBlankLine(): boolean {
    const length = this.bytes[this.at] === LF ? 1 : this.bytes[this.at] === CR && this.bytes[this.at + 1] === LF ? 2 : 0
    this.at += length
    if (length > 0) this.line++
    return length > 0
  }

  /** False when the row is not all there yet. */
  private readRow(): boolean {
    const { at: start, line } = this
    if (this.count === this.rows.ends.length) this.grow()
    const base = this.count * this.width
    let fields = 0
    let follows: Follows
    do {
      follows = this.readField(fields < this.width ? base + fields : -1)
      fields++
    } while (follows === field)

    const tooLong = this.at - start > this.longest
    if (follows === unfinished && !tooLong) return false
    const fault = tooLong ? this.tooLong() : this.faultOf(follows, fields)
    if (fault) {
      this.faults.set(this.count, fault)
      if (!this.endAtFirstLine(start, line)) return false
    }
    this.rows.starts[this.count] = start
    this.rows.ends[this.count] = this.at
    this.rows.lines[this.count] = line
    this.rows.widths[this.count] = Math.min(fields, this.width)
    this.count++
    return true
  }

  private readField(cell: number): Follows {
    return this.bytes[this.at] === quote ? this.readQuoted(cell) : this.readUnquoted(cell)
  }

  private readUnquoted(cell: number): Follows {
    const { bytes, delimiter, at: from } = this
    const size = bytes.length
    let at = from
    let seen = 0
    let byte = 0
    while (at < size) {
      byte = bytes[at] as number
      if (byte === delimiter || byte === LF) break
      seen |= byte
      at++
    }
    const isRowEnd = at >= size || byte === LF
    this.at = at < size ? at + 1 : at
    if (at >= size && !this.final) return unfinished
    if (isRowEnd && at < size) this.line++
    if (cell >= 0) this.keep(cell, from, isRowEnd && at > from && bytes[at - 1] === CR ? at - 1 : at, seen > 127 ? wide : ascii)
    return isRowEnd ? rowEnd : field
  }

  private readQuoted(cell: number): Follows {
    const { bytes } = this
    const size = bytes.length
    const from = this.at + 1
    let at = from
    let seen = 0
    let kind = ascii
    for (;;) {
      while (at < size) {
        const byte = bytes[at] as number
        if (byte === quote) break
        if (byte === LF) this.line++
        seen |= byte
        at++
      }
      if (bytes[at + 1] !== quote) break
      kind = escaped
      at += 2
    }
    this.at = Math.min(at + 1, size)
    if (at >= size) return this.final ? neverClosed : unfinished
    if (cell >= 0) this.keep(cell, from, at, seen > 127 ? kind | wide : kind)
    return this.afterQuote()
  }

  private afterQuote(): Follows {
    const { bytes, at } = this
    const size = bytes.length
    if (at >= size || (bytes[at] === CR && at + 1 >= size)) {
      this.at = size
      return this.final ? rowEnd : unfinished
    }
    if (bytes[at] === this.delimiter) {
      this.at++
      return field
    }
    const newline = bytes[at] === LF ? 1 : bytes[at] === CR && bytes[at + 1] === LF ? 2 : 0
    if (newline === 0) return textAfterQuote
    this.at += newline
    this.line++
    return rowEnd
  }

  private keep(cell: number, from: number, to: number, kind: number): void {
    this.cells.starts[cell] = from
    this.cells.ends[cell] = to
    this.cells.kinds[cell] = kind
  }

  private tooLong(): RowFault {
    return { code: 'row-too-long', reason: `the row is longer than ${this.longest} bytes; perhaps a quote is opened and never closed` }
  }

  private faultOf(follows: Follows, fields: number): RowFault | undefined {
    if (follows === neverClosed) return this.inField(fields, 'quote-never-closed', 'a quote is opened and never closed')
    if (follows === textAfterQuote) {
      return this.inField(fields, 'text-after-quote', 'text follows a closing quote; a quote inside a quoted field is written twice')
    }
    if (!this.columns || fields === this.width) return undefined
    return { code: 'field-count', reason: `the row has ${fields} fields, the header has ${this.width}` }
  }

  private inField(fields: number, code: string, reason: string): RowFault {
    const column = this.columns?.[fields - 1]
    return column === undefined ? { code, reason } : { code, column, reason }
  }

  /** A row with a fault ends with its first line. False when that line is not all there yet and may still be. */
  private endAtFirstLine(start: number, line: number): boolean {
    const { bytes } = this
    const end = bytes.indexOf(LF, start)
    this.line = end < 0 ? line : line + 1
    this.at = end < 0 ? bytes.length : end + 1
    if (end >= 0 || this.final) return true
    this.insideRefused = bytes.length - start > this.longest
    return this.insideRefused
  }

  private grow(): void {
    const capacity = Math.max(64, this.rows.ends.length * 2)
    for (const name of ['starts', 'ends', 'widths'] as const) this.rows[name] = grown(this.rows[name], new Int32Array(capacity))
    this.rows.lines = grown(this.rows.lines, new Float64Array(capacity))
    for (const name of ['starts', 'ends'] as const) this.cells[name] = grown(this.cells[name], new Int32Array(capacity * this.width))
    this.cells.kinds = grown(this.cells.kinds, new Uint8Array(capacity * this.width))
  }
}

function grown<A extends Int32Array | Float64Array | Uint8Array>(old: A, bigger: A): A {
  bigger.set(old)
  return bigger
}

interface Cells {
  starts: Int32Array
  ends: Int32Array
  kinds: Uint8Array
}

interface Rows {
  starts: Int32Array
  ends: Int32Array
  widths: Int32Array
  lines: Float64Array
}

/** V8 copies slices below this length; a longer one would keep the whole block in memory as long as somebody remembers the value. */
const copiedBelow = 13

class CsvBlock implements RowBlock {
  readonly bytes: Buffer
  readonly count: number
  readonly end: Place
  private readonly width: number
  private readonly cells: Cells
  private readonly rows: Rows
  private readonly faults: Map<number, RowFault>
  private readonly isText: boolean
  private readonly text: string

  constructor(bytes: Buffer, count: number, end: Place, width: number, cells: Cells, rows: Rows, faults: Map<number, RowFault>) {
    this.bytes = bytes
    this.count = count
    this.end = end
    this.width = width
    this.cells = cells
    this.rows = rows
    this.faults = faults
    this.isText = isUtf8(bytes)
    this.text = bytes.toString('latin1')
  }

  cell(row: number, column: number): string {
    const index = row * this.width + column
    const from = this.cells.starts[index] as number
    const to = this.cells.ends[index] as number
    const kind = this.cells.kinds[index] as number
    if (kind === ascii) return to - from < copiedBelow ? this.text.slice(from, to) : this.bytes.toString('latin1', from, to)
    const text = this.bytes.toString('utf8', from, to)
    return kind & escaped ? text.replaceAll('""', '"') : text
  }

  faultOf(row: number): RowFault | undefined {
    const fault = this.faults.size > 0 ? this.faults.get(row) : undefined
    if (fault || this.isText || isUtf8(this.bytes.subarray(this.startOf(row), this.endOf(row)))) return fault
    return { code: 'not-utf8', reason: 'the row is not valid UTF-8; save the file as UTF-8' }
  }

  lineOf(row: number): number {
    return this.rows.lines[row] as number
  }

  startOf(row: number): number {
    return this.rows.starts[row] as number
  }

  endOf(row: number): number {
    return this.rows.ends[row] as number
  }

  widthOf(row: number): number {
    return this.rows.widths[row] as number
  }

  fieldsOf(row: number): string[] {
    return Array.from({ length: this.widthOf(row) }, (_, column) => this.cell(row, column))
  }
}
