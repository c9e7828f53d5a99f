import { type FileHandle, open } from 'node:fs/promises'
import type { Keys } from '../privacy/keys.ts'
import type { FileShape } from './inspect.ts'
import type { RowFault } from './readers/rows.ts'
import { frame, framesOf } from './sealed-file.ts'

/** A row that is not taken. */
export interface Reject {
  line: number
  fault: RowFault
  /** The row as it stands in the file. */
  text: string
  /** It is a row of the file's own columns, only not one that the mapping can take. */
  isWhole: boolean
}

/**
 * Where the rejects of an import are kept: a CSV file with the line, the column and the reason, and then the row's own columns, so that the
 * file can be mended and imported with the same mapping. On disk it is sealed.
 */
export class RejectsFile {
  readonly #path: string
  readonly #shape: FileShape
  readonly #keys: Keys
  #file: FileHandle | undefined

  constructor(path: string, shape: FileShape, keys: Keys) {
    this.#path = path
    this.#shape = shape
    this.#keys = keys
  }

  /**
   * Durable when it resolves. What stands after `from` is of a batch that was not committed, and is cut off.
   * @returns how long the file is then
   */
  async append(from: number, rejects: readonly Reject[]): Promise<number> {
    if (rejects.length === 0) return from
    const lines = rejects.map(reject => lineOf(reject, this.#shape))
    const text = Buffer.from([...(from === 0 ? [headerOf(this.#shape)] : []), ...lines].join(''))
    const bytes = frame(this.#keys, text, context(from))
    this.#file ??= await open(this.#path, from > 0 ? 'r+' : 'w', 0o600)
    await this.#file.truncate(from)
    await this.#file.write(bytes, 0, bytes.length, from)
    await this.#file.datasync()
    return from + bytes.length
  }

  /** @param at how long the file is at the checkpoint: what stands after it does not count */
  async close(at: number): Promise<void> {
    await this.#file?.truncate(at)
    await this.#file?.close()
  }
}

/** The text of the rejects, piece by piece. @param bytes how long the file is at the checkpoint */
export function rejectsIn(keys: Keys, path: string, bytes: number): AsyncGenerator<Buffer> {
  return framesOf(keys, path, bytes, context)
}

function context(offset: number): string {
  return `import-rejects:${offset}`
}

const longestText = 16_384

function headerOf(shape: FileShape): string {
  const own = shape.kind === 'csv' ? shape.header : ['row']
  const delimiter = delimiterOf(shape)
  return `${['rejected_line', 'rejected_column', 'rejected_reason', ...own].map(name => quoted(name, delimiter)).join(delimiter)}\n`
}

function lineOf({ line, fault, text, isWhole }: Reject, shape: FileShape): string {
  const delimiter = delimiterOf(shape)
  const row =
    shape.kind === 'csv' && isWhole ? text : quoted(text.length > longestText ? `${text.slice(0, longestText)}…` : text, delimiter)
  return `${[line, quoted(fault.column ?? '', delimiter), quoted(fault.reason, delimiter), row].join(delimiter)}\n`
}

function delimiterOf(shape: FileShape): string {
  return shape.kind === 'csv' ? (shape.delimiter ?? ',') : ','
}

function quoted(text: string, delimiter: string): string {
  return /["\r\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text
}
