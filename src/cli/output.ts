/** Where a command writes: results to `out`, everything for people beside them to `notes`. */
export interface Output {
  out(text: string): void
  notes(text: string): void
}

export const terminal: Output = {
  out: text => void process.stdout.write(`${text}\n`),
  notes: text => void process.stderr.write(`${text}\n`),
}

/** Columns of text, as wide as they need; Chinese characters take two places. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => widthOf(row[column] ?? ''))))
  return rows
    .map(row =>
      row
        .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function widthOf(text: string): number {
  return [...text].reduce(
    (width, character) =>
      width + (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(character) ? 2 : 1),
    0,
  )
}
