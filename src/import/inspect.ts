import { isUtf8 } from 'node:buffer'
import { constants, gunzipSync } from 'node:zlib'
import { Refusal } from '../refusal.ts'
import type { Mapping } from './mapping/mapping.ts'
import { chunksOf } from './readers/chunks.ts'
import { csvHeader, csvScan, csvWidths } from './readers/csv.ts'
import { columnsIn, ndjsonScan } from './readers/ndjson.ts'
import type { Place, RowBlock, Scan } from './readers/rows.ts'

/** What a file is, as its first bytes and the mapping say. */
export interface FileShape {
  kind: 'csv' | 'ndjson'
  header: string[]
  /** Where the first row of data starts. */
  start: Place
  /** CSV alone. */
  delimiter?: string
  gzip: boolean
}

export const sampleBytes = 256 * 1024
const delimiters = [',', ';', '\t', '|'] as const

/** The first bytes of a file, decompressed. */
export interface Sample {
  bytes: Buffer
  /** There is nothing more in the file. */
  isWhole: boolean
  gzip: boolean
}

/**
 * Looks at the beginning of a file.
 * @throws Refusal when it is empty, not text in UTF-8, or has no header
 */
export async function inspectFile(path: string, wanted: Mapping['format'], name: string): Promise<FileShape> {
  return shapeOf(await sampleOf(path), wanted, name)
}

/** @throws Refusal likewise */
export function shapeOf({ bytes, isWhole, gzip }: Sample, wanted: Mapping['format'], name: string): FileShape {
  if (bytes.length === 0) throw new Refusal(422, 'file-empty', `${name} is empty.`)
  checkText(bytes, isWhole, name)
  const bom = bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0
  const text = bytes.subarray(bom)
  const kind = wanted?.kind ?? (text.toString('latin1', 0, 1024).trimStart().startsWith('{') ? 'ndjson' : 'csv')
  const shape = kind === 'csv' ? csvShape(text, isWhole, wanted, name) : ndjsonShape(text, isWhole)
  return { ...shape, kind, gzip, start: { offset: shape.start.offset + bom, line: shape.start.line } }
}

/** Reads the rows of a file of this shape. */
export function scanOf(shape: FileShape): Scan {
  return shape.kind === 'csv' ? csvScan({ delimiter: shape.delimiter ?? ',' }, shape.header) : ndjsonScan(shape.header)
}

/** A sample that was sent: what is compressed is opened as far as it goes. @throws Refusal when it is damaged */
export function sampleFrom(bytes: Buffer, isWhole: boolean): Sample {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { bytes, isWhole, gzip: false }
  try {
    const opened = gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 64 * sampleBytes })
    return { bytes: opened.subarray(0, 4 * sampleBytes), isWhole: isWhole && opened.length <= 4 * sampleBytes, gzip: true }
  } catch {
    throw new Refusal(422, 'file-damaged', 'The compressed file is damaged: copy it again.')
  }
}

/** The rows of a sample. */
export function rowsOf({ bytes, isWhole }: Sample, shape: FileShape): RowBlock {
  return scanOf(shape)(bytes.subarray(shape.start.offset), isWhole, shape.start)
}

/** A quarter of a megabyte, about, from the beginning of a file. */
export async function sampleOf(path: string): Promise<Sample> {
  const reader = await chunksOf(path, 0)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of reader.chunks) {
    chunks.push(Buffer.from(chunk))
    size += chunk.length
    if (size >= sampleBytes) return { bytes: Buffer.concat(chunks), isWhole: false, gzip: reader.isGzip }
  }
  return { bytes: Buffer.concat(chunks), isWhole: true, gzip: reader.isGzip }
}

function checkText(bytes: Buffer, final: boolean, name: string): void {
  const start = bytes.subarray(0, 4)
  if ((start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff)) {
    throw new Refusal(422, 'file-not-utf8', `${name} is UTF-16: save it as UTF-8 (in Excel: “CSV UTF-8”).`)
  }
  if (start.toString('latin1') === 'PK\x03\x04')
    throw new Refusal(422, 'file-not-text', `${name} is a ZIP or an Excel workbook: save it as CSV in UTF-8.`)
  const firstLines = bytes.subarray(0, Math.max(bytes.lastIndexOf(10), 0) || bytes.length)
  const sample = final ? bytes : firstLines
  if (sample.subarray(0, 4096).includes(0)) throw new Refusal(422, 'file-not-text', `${name} is not a text file.`)
  const headerLine = bytes.subarray(0, bytes.indexOf(10) < 0 ? bytes.length : bytes.indexOf(10))
  if (!isUtf8(headerLine) || !mostlyUtf8(sample)) {
    throw new Refusal(422, 'file-not-utf8', `${name} is not UTF-8 (perhaps GB18030): save it as UTF-8 (in Excel: “CSV UTF-8”).`)
  }
}

/** A few broken rows are rejects; a file where half of the rows are broken has another encoding. */
function mostlyUtf8(sample: Buffer): boolean {
  if (isUtf8(sample)) return true
  let lines = 0
  let broken = 0
  for (let at = 0; at < sample.length && lines < 1000; lines++) {
    const end = sample.indexOf(10, at)
    if (!isUtf8(sample.subarray(at, end < 0 ? sample.length : end))) broken++
    at = end < 0 ? sample.length : end + 1
  }
  return broken * 2 < lines
}

function csvShape(
  text: Buffer,
  final: boolean,
  wanted: Mapping['format'],
  name: string,
): { header: string[]; start: Place; delimiter: string } {
  const delimiter = wanted?.delimiter ?? likeliestDelimiter(text, final)
  if (wanted?.header) return { header: wanted.header, start: { offset: 0, line: 1 }, delimiter }
  const first = csvHeader({ delimiter }, text, final)
  if (!first) throw new Refusal(422, 'file-without-header', `${name} has no line of column names.`)
  return { header: first.fields.map(field => field.trim()), start: first.end, delimiter }
}

/** The one by which most rows have as many fields as the first row, and more than one. */
function likeliestDelimiter(text: Buffer, final: boolean): string {
  let best = { delimiter: ',', score: 0 }
  for (const delimiter of delimiters) {
    const widths = csvWidths({ delimiter }, text, final, 100)
    const [width = 0] = widths
    const agreeing = widths.filter(one => one === width).length / widths.length
    const score = width > 1 ? agreeing * (1 + Math.log2(width) / 100) : 0
    if (score > best.score) best = { delimiter, score }
  }
  return best.delimiter
}

function ndjsonShape(text: Buffer, final: boolean): { header: string[]; start: Place } {
  const start = { offset: 0, line: 1 }
  const block = ndjsonScan([''])(text, final, start)
  const columns = new Set<string>()
  for (let row = 0; row < Math.min(block.count, 1000); row++) {
    if (!block.faultOf(row)) for (const name of columnsIn(block.objectOf(row))) columns.add(name)
  }
  return { header: [...columns], start }
}
