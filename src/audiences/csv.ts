import type { Json } from '../collect/event.ts'

/** Excel reads a file as UTF-8 when it begins with it. */
export const byteOrderMark = '\uFEFF'

/** A line as RFC 4180 has it. */
export function csvLine(cells: readonly (Json | undefined)[]): string {
  return `${cells.map(cellOf).join(',')}\r\n`
}

function cellOf(value: Json | undefined): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const plain = Array.isArray(value) && value.every(one => typeof one !== 'object')
  const text = typeof value === 'string' ? value : plain ? value.join(';') : JSON.stringify(value)
  const guarded = unlikeFormula(text)
  return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded
}

/** A spreadsheet takes text that begins so for a formula, and runs it; behind an apostrophe it is text. */
function unlikeFormula(text: string): string {
  return /^[=+\-@\t\r\n\0＝＋－＠]/.test(text) ? `'${text}` : text
}
