type Reviver = NonNullable<Parameters<typeof JSON.parse>[1]>

const longNumber = /\d{16}/

/**
 * Reads one row of JSONEachRow. A column (or a list's element) that holds an integer too large for a number comes back as its text, exact;
 * what is deeper, in JSON columns, was a Float64 in the first place and is a number.
 */
export function parseRow(text: string): unknown {
  const row: unknown = JSON.parse(text)
  if (!longNumber.test(text) || !isRecord(row)) return row
  const inexact = Object.keys(row).filter(column => isInexact(row[column]))
  if (inexact.length === 0) return row
  const exact = JSON.parse(text, integersAsText as Reviver) as Record<string, unknown>
  return { ...row, ...Object.fromEntries(inexact.map(column => [column, exact[column]])) }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isInexact(value: unknown): boolean {
  return Array.isArray(value) ? value.some(isInexact) : Number.isInteger(value) && !Number.isSafeInteger(value)
}

function integersAsText(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return source !== undefined && isInexact(value) && /^-?\d+$/.test(source) ? source : value
}
