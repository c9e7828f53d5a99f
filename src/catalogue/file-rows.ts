import { basename } from 'node:path'
import type { Json } from '../collect/event.ts'
import { type FileShape, inspectFile, rowsOf, sampleOf, scanOf } from '../import/inspect.ts'
import { blocksOf } from '../import/readers/blocks.ts'
import { chunksOf } from '../import/readers/chunks.ts'
import type { RowBlock } from '../import/readers/rows.ts'
import { type CellType, cellValue, columnTypes } from './cells.ts'
import type { EntityKind } from './kinds.ts'

/** A row of a file as the API takes it, or why it cannot be one. */
export type FileRow = { line: number; row: Record<string, Json> } | { line: number; path: string; message: string }

/**
 * The rows of a CSV or NDJSON file, whose columns or keys are `id`, `zh`, `en`, `status`, `until`, `tags` and attributes.
 * @throws Refusal when it is empty, not text in UTF-8, or has no header
 */
export async function* entityRowsOf(path: string, kind: EntityKind): AsyncGenerator<FileRow> {
  const shape = await inspectFile(path, undefined, basename(path))
  const types = shape.kind === 'csv' ? await typesOf(path, shape, kind) : []
  const { chunks } = await chunksOf(path, shape.start.offset)
  for await (const block of blocksOf(chunks, scanOf(shape), shape.start))
    for (let row = 0; row < block.count; row++) yield fileRow(block, row, shape, types)
}

async function typesOf(path: string, shape: FileShape, kind: EntityKind): Promise<CellType[]> {
  const block = rowsOf(await sampleOf(path), shape)
  const whole = Array.from({ length: block.count }, (_, row) => row).filter(row => block.faultOf(row) === undefined)
  const sample = whole.map(row => shape.header.map((_, column) => String(block.cell(row, column) ?? '')))
  return columnTypes(shape.header, sample, kind)
}

function fileRow(block: RowBlock, row: number, { kind, header }: FileShape, types: readonly CellType[]): FileRow {
  const line = block.lineOf(row)
  const fault = block.faultOf(row)
  if (fault) return { line, path: fault.column ?? '', message: fault.reason }
  if (kind === 'ndjson') return { line, row: JSON.parse(block.bytes.toString('utf8', block.startOf(row), block.endOf(row))) }
  const values: Record<string, Json> = {}
  for (const [index, column] of header.entries()) {
    const type = types[index] ?? 'text'
    const value = cellValue(String(block.cell(row, index) ?? ''), type)
    if (value === undefined) return { line, path: column, message: `this is no ${type}, as the others of this column` }
    if (value !== null) values[column] = value
  }
  return { line, row: values }
}
