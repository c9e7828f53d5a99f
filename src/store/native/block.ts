import { Bytes } from './bytes.ts'

/** A column of a block: its values one after the other, as its type writes them. */
export interface NativeColumn {
  name: string
  type: string
  values: readonly Buffer[]
}

/** Rows in ClickHouse's Native format, column by column; several blocks may follow each other. */
export function nativeBlock(rows: number, columns: readonly NativeColumn[]): Buffer[] {
  const start = new Bytes()
  start.varUint(columns.length)
  start.varUint(rows)
  return [
    start.written,
    ...columns.flatMap(({ name, type, values }) => {
      const head = new Bytes()
      head.text(name)
      head.text(type)
      return [head.written, ...values]
    }),
  ].filter(({ length }) => length > 0)
}
