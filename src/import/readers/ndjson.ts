import { isUtf8 } from 'node:buffer'
import type { Json, JsonObject } from '../../collect/event.ts'
import { maxRowBytes, type Place, type RowBlock, type RowFault, type Scan } from './rows.ts'

const LF = 10

/** Reads one JSON object a line. A column is a key, or a path with dots where no key has that name. Blank lines are no rows. */
export function ndjsonScan(columns: readonly string[], longest = maxRowBytes): (...scanned: Parameters<Scan>) => NdjsonBlock {
  const paths = columns.map(column => ({ column, path: column.split('.') }))

  return (bytes, final, start) => {
    const rows: Row[] = []
    let at = 0
    let line = start.line
    let skipping = start.insideRefused ?? false
    while (at < bytes.length) {
      const found = bytes.indexOf(LF, at)
      const isTooLong = (found < 0 ? bytes.length : found) - at > longest
      if (found < 0 && !final && !isTooLong && !skipping) break
      const end = found < 0 ? bytes.length : found
      if (!skipping && !isBlank(bytes, at, end)) rows.push(isTooLong ? { line, at, end, fault: tooLong } : rowAt(bytes, at, end, line))
      skipping = found < 0 && !final
      at = found < 0 ? end : end + 1
      if (found >= 0) line++
    }
    return new NdjsonBlock(bytes.subarray(0, at), rows, { offset: start.offset + at, line, insideRefused: skipping }, paths)
  }
}

/** The keys of an object as columns, nested objects by their paths. */
export function columnsIn(object: JsonObject, prefix = '', depth = 0): string[] {
  return Object.entries(object).flatMap(([key, value]) =>
    value !== null && typeof value === 'object' && !Array.isArray(value) && depth < 3
      ? columnsIn(value, `${prefix}${key}.`, depth + 1)
      : [`${prefix}${key}`],
  )
}

interface Row {
  line: number
  at: number
  end: number
  object?: JsonObject
  fault?: RowFault
}

interface ColumnPath {
  column: string
  path: string[]
}

const tooLong: RowFault = { code: 'row-too-long', reason: `the line is longer than ${maxRowBytes} bytes` }
const notUtf8: RowFault = { code: 'not-utf8', reason: 'the line is not valid UTF-8; save the file as UTF-8' }
const notAnObject: RowFault = { code: 'not-an-object', reason: 'the line is not one JSON object' }

function isBlank(bytes: Buffer, at: number, end: number): boolean {
  for (let index = at; index < end; index++) if ((bytes[index] as number) > 32) return false
  return true
}

function rowAt(bytes: Buffer, at: number, end: number, line: number): Row {
  if (!isUtf8(bytes.subarray(at, end))) return { line, at, end, fault: notUtf8 }
  try {
    const object = JSON.parse(bytes.toString('utf8', at, end)) as Json
    if (object !== null && typeof object === 'object' && !Array.isArray(object)) return { line, at, end, object }
  } catch {}
  return { line, at, end, fault: notAnObject }
}

class NdjsonBlock implements RowBlock {
  readonly bytes: Buffer
  readonly count: number
  readonly end: Place
  private readonly rows: readonly Row[]
  private readonly paths: readonly ColumnPath[]

  constructor(bytes: Buffer, rows: readonly Row[], end: Place, paths: readonly ColumnPath[]) {
    this.bytes = bytes
    this.rows = rows
    this.count = rows.length
    this.end = end
    this.paths = paths
  }

  cell(row: number, column: number): Json | undefined {
    const object = this.rows[row]?.object
    const wanted = this.paths[column]
    if (!object || !wanted) return undefined
    return Object.hasOwn(object, wanted.column) ? object[wanted.column] : inside(object, wanted.path)
  }

  faultOf(row: number): RowFault | undefined {
    return this.rows[row]?.fault
  }

  objectOf(row: number): JsonObject {
    return this.rows[row]?.object ?? {}
  }

  lineOf(row: number): number {
    return this.rows[row]?.line ?? this.end.line
  }

  startOf(row: number): number {
    return this.rows[row]?.at ?? 0
  }

  endOf(row: number): number {
    return Math.min((this.rows[row]?.end ?? 0) + 1, this.bytes.length)
  }
}

function inside(object: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = object
  for (const key of path) {
    if (value === null || typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, key)) return undefined
    value = value[key]
  }
  return value
}
