import type { Json } from '../../collect/event.ts'

/** What of a row cannot be taken: where, a stable code, and a sentence without any value of the row. */
export interface RowFault {
  code: string
  /** The column at fault; absent when it is the row as a whole. */
  column?: string
  reason: string
}

/** A place between two rows of a file, where reading can start again. */
export interface Place {
  /** Bytes before it, decompressed. */
  offset: number
  /** The line that starts there, from 1. */
  line: number
  /** It lies within a line that was refused for its length: rows start after that line. */
  insideRefused?: boolean
}

/** Some consecutive rows of a file. Valid until the next block is asked for. */
export interface RowBlock {
  readonly count: number
  /** Where the row after the last one starts. */
  readonly end: Place
  /** The rows as they stand in the file, with what is between them. Stays as it is. */
  readonly bytes: Buffer
  /** The line on which the row starts. */
  lineOf(row: number): number
  faultOf(row: number): RowFault | undefined
  /** The value of a column, by its index in the header: text in CSV, any JSON in NDJSON; undefined where there is none. */
  cell(row: number, column: number): Json | undefined
  /** Where the row stands in `bytes`, the end of its line included. */
  startOf(row: number): number
  endOf(row: number): number
}

/** Turns bytes into rows, the same ones whenever it is asked. `final` says that nothing follows; otherwise an unfinished row at the end is left for the next call. */
export type Scan = (bytes: Buffer, final: boolean, start: Place) => RowBlock

/** A row longer than this is refused: most likely a quote that was opened by mistake. */
export const maxRowBytes = 1 << 20
