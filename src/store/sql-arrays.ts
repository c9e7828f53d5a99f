/** A PostgreSQL array of numbers or booleans as text: much faster than letting the driver quote every element. */
export function numbers(values: Iterable<number | string>): string {
  return `{${Array.isArray(values) ? values.join() : [...values].join()}}`
}

export function texts(values: readonly (string | null)[]): string {
  return `{${values.map(value => (value === null ? 'NULL' : `"${value.replace(/["\\]/g, '\\$&')}"`)).join()}}`
}

export function byteas(values: readonly Buffer[]): string {
  return `{${values.map(value => `"\\\\x${value.toString('hex')}"`).join()}}`
}

/** A list of numbers or of texts as such an array; everything else as it is, for the driver. */
export function asArray(value: unknown): unknown {
  if (!Array.isArray(value) || value.length === 0) return value
  if (value.every(one => typeof one === 'number')) return numbers(value)
  return value.every(one => typeof one === 'string' || one === null) ? texts(value) : value
}

/** Reads `array_agg(…)::text` of numbers; null where there was no row. */
export function listed(text: string | null | undefined): string[] {
  return !text || text === '{}' ? [] : text.slice(1, -1).split(',')
}
