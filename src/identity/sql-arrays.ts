/** A PostgreSQL array of numbers or booleans as text: much faster than letting the driver quote every element. */
export function numbers(values: Iterable<number | string>): string {
  return `{${Array.isArray(values) ? values.join() : [...values].join()}}`
}

export function texts(values: readonly string[]): string {
  return `{${values.map(value => `"${value.replace(/["\\]/g, '\\$&')}"`).join()}}`
}

export function byteas(values: readonly Buffer[]): string {
  return `{${values.map(value => `"\\\\x${value.toString('hex')}"`).join()}}`
}

/** Reads `array_agg(…)::text` of numbers; null where there was no row. */
export function listed(text: string | null | undefined): string[] {
  return !text || text === '{}' ? [] : text.slice(1, -1).split(',')
}
