/** A PostgreSQL array of numbers as text: much faster than letting the driver quote every element. */
export function bigints(values: Iterable<number | string>): string {
  return `{${Array.isArray(values) ? values.join() : [...values].join()}}`
}

/** A PostgreSQL array of bytes as text. */
export function byteas(values: readonly Buffer[]): string {
  return `{${values.map(value => `"\\\\x${value.toString('hex')}"`).join()}}`
}
