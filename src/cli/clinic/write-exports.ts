import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import type { Night } from './population.ts'
import { type ExportFile, exportFiles, type Row } from './rows.ts'

/** Whether a row is left to somebody else, who has taken it: a live one. */
export type Taken = (row: Row) => boolean

/** Writes nights as the systems' export files into a folder; resolves with the file names that came of it. */
export async function writeExports(
  nights: Iterable<Night>,
  directory: string,
  taken: Taken = () => false,
): Promise<Map<ExportFile, string>> {
  const streams = new Map<ExportFile, WriteStream>()
  const names = new Map<ExportFile, string>()
  for (const { file, rows } of nights) {
    const lines = rows.filter(row => !taken(row)).map(lineOf)
    if (lines.length === 0) continue
    let stream = streams.get(file)
    if (!stream) {
      const name = fileNameOf(file)
      names.set(file, name)
      stream = createWriteStream(join(directory, name))
      streams.set(file, stream)
      const shape = exportFiles[file]
      if (shape.kind === 'csv') stream.write(`${shape.columns.join(',')}\n`)
    }
    if (!stream.write(`${lines.join('\n')}\n`)) await once(stream, 'drain')
  }
  for (const stream of streams.values()) {
    stream.end()
    await finished(stream)
  }
  return names
}

export function fileNameOf(file: ExportFile): string {
  return `${file}.${exportFiles[file].kind}`
}

function lineOf({ file, fields }: Row): string {
  const shape = exportFiles[file]
  if (shape.kind === 'ndjson') return JSON.stringify(fields)
  return shape.columns.map(column => cell(fields[column])).join(',')
}

function cell(value: string | number | boolean | undefined): string {
  const text = value === undefined ? '' : String(value)
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
