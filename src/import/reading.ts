import type { Import } from './imports.ts'
import { type FileShape, scanOf } from './inspect.ts'
import { columnsOf, type Mapping, readMapping } from './mapping/mapping.ts'
import { type RowMapper, rowMapper } from './mapping/row-mapper.ts'
import type { Scan } from './readers/rows.ts'

/** How the rows of a file are read, and what they become. */
export interface Reading {
  mapping: Mapping
  /** The columns that `scan` gives, by index. */
  header: string[]
  scan: Scan
  map: RowMapper
}

/** @throws Refusal when the mapping names columns that the file does not have */
export function readingOf({ id, mapping: document, shape, source, receivedAt }: ReadImport, zone: string): Reading {
  const mapping = readMapping(JSON.parse(document))
  const known = columnsFor(shape, mapping)
  const map = rowMapper(mapping, known.header, { source, zone, receivedAt, messagePrefix: `import/${id}/` })
  return { mapping, header: known.header, scan: scanOf(known), map }
}

type ReadImport = Pick<Import, 'id' | 'mapping' | 'shape' | 'source' | 'receivedAt'>

/** The first lines of NDJSON need not have every key, so there the mapping's columns are what is looked up. */
export function columnsFor(shape: FileShape, mapping: Mapping): FileShape {
  return shape.kind === 'csv' ? shape : { ...shape, header: [...new Set(columnsOf(mapping).map(({ column }) => column))] }
}
