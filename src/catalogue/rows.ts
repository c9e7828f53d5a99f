import { type EntityDocument, type EntityFault, entityDocument, entityFaults, entityId, ownFields } from './entities.ts'
import type { EntityKind } from './kinds.ts'

/** A row that is not taken, and why. */
export interface RefusedRow extends EntityFault {
  /** From 1. */
  row: number
  id?: string
}

export interface ReadRows {
  entities: Map<string, EntityDocument>
  refused: RefusedRow[]
}

/**
 * Rows as files and catalogues have them: `id`, `zh`, `en`, `status`, `until`, `tags`, and every other key an attribute (those under `attributes`
 * too). Null and empty text are not there.
 */
export function entitiesIn(rows: readonly unknown[], kind: EntityKind): ReadRows {
  const entities = new Map<string, EntityDocument>()
  const places = new Map<string, number>()
  const refused: RefusedRow[] = []
  for (const [index, row] of rows.entries()) {
    const read = entityIn(row, kind)
    if ('fault' in read) {
      refused.push({ row: index + 1, ...(read.id !== undefined && { id: read.id }), ...read.fault })
      continue
    }
    const before = places.get(read.id)
    if (before !== undefined) refused.push({ row: before, id: read.id, path: 'id', message: `the same id comes again in row ${index + 1}` })
    places.set(read.id, index + 1)
    entities.set(read.id, read.document)
  }
  return { entities, refused: refused.sort((a, b) => a.row - b.row) }
}

type Read = { id: string; document: EntityDocument } | { id?: string; fault: EntityFault }

function entityIn(row: unknown, kind: EntityKind): Read {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return { fault: { path: '', message: 'a row is one JSON object' } }
  const { id: given, attributes = {}, ...others } = row as Record<string, unknown>
  const id = entityId.safeParse(typeof given === 'number' ? String(given) : given)
  if (!id.success) return { fault: { path: 'id', message: 'a row has an id: text, or a number' } }
  const present = Object.entries(others).filter(([, value]) => value !== null && value !== '')
  const own = present.filter(([key]) => isOwn(key))
  const more = present.filter(([key]) => !isOwn(key))
  const all = more.length === 0 || !isObject(attributes) ? attributes : { ...attributes, ...Object.fromEntries(more) }
  const read = entityDocument.safeParse({ ...Object.fromEntries(own), attributes: all })
  if (!read.success) {
    const [issue] = read.error.issues
    return { id: id.data, fault: { path: (issue?.path ?? []).join('.'), message: issue?.message ?? 'it does not fit' } }
  }
  const [fault] = entityFaults(kind, id.data, read.data)
  return fault ? { id: id.data, fault } : { id: id.data, document: read.data }
}

function isOwn(key: string): boolean {
  return ownFields.some(field => field === key)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
