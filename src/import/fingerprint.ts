import { hash } from 'node:crypto'
import { columnsOf, type Mapping } from './mapping/mapping.ts'
import type { RowBlock } from './readers/rows.ts'

/**
 * What tells a row from others, 112 bits of a keyed hash in four words of a `Uint32Array`; the last 16 bits are left to the ledger.
 * All zero stands for no row.
 */
export const wordsPerPrint = 4

/** Writes the print of a row at `prints[at]`. */
export type Fingerprint = (block: RowBlock, row: number, prints: Uint32Array, at: number) => void

/**
 * The print of a row is over the columns that the mapping names as `messageId`, or over all that it reads: what else stands in the row may
 * change without making it another. It does not depend on the order of the columns.
 * @param key secret, so that nobody who sees the prints can try values
 */
export function fingerprint(mapping: Mapping, header: readonly string[], key: Buffer, scope: string): Fingerprint {
  const columns = (mapping.messageId ?? contentColumns(mapping)).map(name => header.indexOf(name))
  const start = `${key.toString('base64')} ${scope} ${mapping.messageId ? 'key' : 'content'}\n`
  return (block, row, prints, at) => {
    let text = start
    for (const column of columns) {
      const cell = block.cell(row, column)
      const value = typeof cell === 'string' ? cell.trim() : cell === undefined ? '' : JSON.stringify(cell)
      text += `${value.length} ${value}\n`
    }
    const digest = hash('sha256', text, 'binary')
    for (let word = 0; word < 3; word++) prints[at + word] = wordAt(digest, word * 4)
    prints[at + 3] = (wordAt(digest, 12) & 0xffff0000) >>> 0
  }
}

function contentColumns(mapping: Mapping): string[] {
  const read = columnsOf(mapping).filter(({ path }) => path !== 'where')
  return [...new Set(read.map(({ column }) => column))].sort()
}

function wordAt(digest: string, at: number): number {
  return (
    ((digest.charCodeAt(at) << 24) | (digest.charCodeAt(at + 1) << 16) | (digest.charCodeAt(at + 2) << 8) | digest.charCodeAt(at + 3)) >>> 0
  )
}

/** Imports whose rows could be the same facts share a ledger: those of one source, kind and event. */
export function scopeOf(mapping: Mapping, source: string): string {
  const { kind, event } = mapping
  const isSnapshot = kind === 'profiles' && !mapping.time
  return hash('sha256', JSON.stringify([source, kind, event ?? null, isSnapshot]), 'hex').slice(0, 32)
}
