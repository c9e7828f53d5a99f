import type { Position } from '../log/position.ts'
import { Refusal } from '../refusal.ts'
import type { Queryable } from '../store/postgres.ts'
import type { FileShape } from './inspect.ts'
import type { Place } from './readers/rows.ts'
import { ImportStopped } from './sink.ts'

export const importStates = ['waiting', 'running', 'paused', 'cancelled', 'done', 'failed'] as const
export type ImportState = (typeof importStates)[number]

export interface Counts {
  rowsRead: number
  imported: number
  rejected: number
  repeated: number
  leftOut: number
}

/** A file on its way, or that has arrived. */
export interface Import extends Counts {
  id: number
  name: string
  source: string
  /** The mapping document as JSON. */
  mapping: string
  mappingHash: string
  shape: FileShape
  scope: string
  fileName: string
  filePath: string
  fileBytes: number
  contentHash: string
  state: ImportState
  failure: string | null
  fence: number
  next: Place
  bytesRead: number
  rejectsBytes: number
  receivedAt: number
  createdAt: number
  startedAt: number | null
  finishedAt: number | null
}

export type NewImport = Pick<
  Import,
  'name' | 'source' | 'mapping' | 'mappingHash' | 'shape' | 'scope' | 'fileName' | 'filePath' | 'fileBytes' | 'contentHash' | 'receivedAt'
>

const columns = `id, name, source, mapping, mapping_hash, shape, scope, file_name, file_path, file_bytes, content_hash, state, failure, fence,
  rows_read, imported, rejected, repeated, left_out, next_offset, next_line, next_inside_refused, bytes_read, rejects_bytes,
  received_at, created_at, started_at, finished_at`

export async function createImport(
  db: Queryable,
  { name, source, mapping, mappingHash, scope, ...file }: NewImport,
  now: number,
): Promise<Import> {
  const [row] = await db.query<Row>(
    `insert into imports (name, source, mapping, mapping_hash, shape, scope, file_name, file_path, file_bytes, content_hash, state, received_at, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'waiting', to_timestamp($11 / 1000.0), to_timestamp($12 / 1000.0))
     returning ${columns}`,
    [
      ...[name, source, mapping, mappingHash, JSON.stringify(file.shape), scope],
      ...[file.fileName, file.filePath, file.fileBytes, file.contentHash, file.receivedAt, now],
    ],
  )
  return present(row)
}

/** @throws Refusal when there is no such import */
export async function importById(db: Queryable, id: number): Promise<Import> {
  const [row] = await db.query<Row>(`select ${columns} from imports where id = $1`, [id])
  if (!row) throw new Refusal(404, 'no-such-import', 'There is no such import: GET /api/imports lists them.')
  return importFrom(row)
}

export async function endedImport(db: Queryable, id: number): Promise<Import | undefined> {
  const [row] = await db.query<Row>(`select ${columns} from imports where id = $1 and state in ('done', 'cancelled')`, [id])
  return row && importFrom(row)
}

/** Newest first. @param before ids below this */
export async function latestImports(db: Queryable, limit: number, before = Number.MAX_SAFE_INTEGER): Promise<Import[]> {
  return (await db.query<Row>(`select ${columns} from imports where id < $1 order by id desc limit $2`, [before, limit])).map(importFrom)
}

export async function importsOfContent(db: Queryable, contentHash: string): Promise<Import[]> {
  return (await db.query<Row>(`select ${columns} from imports where content_hash = $1 order by id desc`, [contentHash])).map(importFrom)
}

export async function importsOfScope(db: Queryable, scope: string): Promise<Import[]> {
  return (await db.query<Row>(`select ${columns} from imports where scope = $1 order by id`, [scope])).map(importFrom)
}

/** Imports that a stopped process left behind. */
export async function unfinishedImports(db: Queryable): Promise<Import[]> {
  return (await db.query<Row>(`select ${columns} from imports where state in ('waiting', 'running') order by id`)).map(importFrom)
}

/** The last import of the scope that took anything, before this one. */
export async function previousOfScope(db: Queryable, { scope, id }: Import): Promise<Import | undefined> {
  const [row] = await db.query<Row>(
    `select ${columns} from imports where scope = $1 and id <> $2 and (imported > 0 or state = 'done') order by coalesce(started_at, created_at) desc, id desc limit 1`,
    [scope, id],
  )
  return row && importFrom(row)
}

/** The files that imports still need. */
export async function filesOfImports(db: Queryable): Promise<string[]> {
  return (await db.query<{ path: string }>(`select file_path as path from imports where state not in ('done', 'cancelled')`)).map(
    row => row.path,
  )
}

/** Takes the import up: whoever had it before can commit no more. Undefined when it is not to be run (any more). */
export async function takeUp(db: Queryable, id: number, now: number): Promise<Import | undefined> {
  const [row] = await db.query<Row>(
    `update imports set state = 'running', failure = null, fence = fence + 1, started_at = coalesce(started_at, to_timestamp($2 / 1000.0))
     where id = $1 and state in ('waiting', 'running') returning ${columns}`,
    [id, now],
  )
  return row && importFrom(row)
}

/** Where an import has come to. */
export interface Checkpoint extends Counts {
  next: Place
  bytesRead: number
  rejectsBytes: number
}

/** Records how far the import has come, in the transaction of a batch. @throws ImportStopped when it may not go on */
export async function saveCheckpoint(tx: Queryable, { id, fence }: Import, at: Checkpoint): Promise<void> {
  const saved = await tx.query(
    `update imports set rows_read = $3, imported = $4, rejected = $5, repeated = $6, left_out = $7,
       next_offset = $8, next_line = $9, next_inside_refused = $10, bytes_read = $11, rejects_bytes = $12
     where id = $1 and fence = $2 and state = 'running' returning id`,
    [
      ...[id, fence, at.rowsRead, at.imported, at.rejected, at.repeated, at.leftOut],
      ...[at.next.offset, at.next.line, at.next.insideRefused ?? false, at.bytesRead, at.rejectsBytes],
    ],
  )
  if (saved.length === 0) throw new ImportStopped('the import was paused, cancelled or taken over')
}

/** A batch of rows that was decided together, and where they stand in the file. */
export interface DecidedBatch {
  range: Position
  import: number
  start: Place
  rows: number
}

export async function addBatch(tx: Queryable, { range, import: id, start, rows }: DecidedBatch): Promise<void> {
  await tx.query(
    `insert into import_batches (range, import, start_offset, start_line, start_inside_refused, rows) values ($1, $2, $3, $4, $5, $6)`,
    [range, id, start.offset, start.line, start.insideRefused ?? false, rows],
  )
}

/** They are stored: none will be replayed. */
export async function forgetBatches(db: Queryable, id: number): Promise<void> {
  await db.query('delete from import_batches where import = $1', [id])
}

export async function decidedBatch(db: Queryable, range: Position): Promise<DecidedBatch | undefined> {
  const [row] = await db.query<{ import: number; start_offset: number; start_line: number; start_inside_refused: boolean; rows: number }>(
    'select import, start_offset, start_line, start_inside_refused, rows from import_batches where range = $1',
    [range],
  )
  if (!row) return undefined
  const start = { offset: row.start_offset, line: row.start_line, insideRefused: row.start_inside_refused }
  return { range, import: row.import, start, rows: row.rows }
}

/** Ends the import's life, or halts it; only from the states in which that makes sense. */
export async function changeState(
  db: Queryable,
  id: number,
  from: readonly ImportState[],
  to: ImportState,
  { failure = null, now }: { failure?: string | null; now: number },
): Promise<Import | undefined> {
  const hasEnded = to === 'done' || to === 'cancelled'
  const [row] = await db.query<Row>(
    `update imports set state = $3, failure = $4, finished_at = case when $5 then to_timestamp($6 / 1000.0) else finished_at end
     where id = $1 and state = any($2::text[]) returning ${columns}`,
    [id, from, to, failure, hasEnded, now],
  )
  return row && importFrom(row)
}

export async function finishImport(db: Queryable, { id, fence }: Import, now: number): Promise<Import> {
  const [row] = await db.query<Row>(
    `update imports set state = 'done', finished_at = to_timestamp($3 / 1000.0) where id = $1 and fence = $2 and state = 'running' returning ${columns}`,
    [id, fence, now],
  )
  if (!row) throw new ImportStopped('the import was paused, cancelled or taken over')
  return importFrom(row)
}

interface Row {
  id: number
  name: string
  source: string
  mapping: string
  mapping_hash: string
  shape: string
  scope: string
  file_name: string
  file_path: string
  file_bytes: number
  content_hash: string
  state: ImportState
  failure: string | null
  fence: number
  rows_read: number
  imported: number
  rejected: number
  repeated: number
  left_out: number
  next_offset: number
  next_line: number
  next_inside_refused: boolean
  bytes_read: number
  rejects_bytes: number
  received_at: Date
  created_at: Date
  started_at: Date | null
  finished_at: Date | null
}

function present(row: Row | undefined): Import {
  if (!row) throw new Error('an insert answers with its row')
  return importFrom(row)
}

function importFrom(row: Row): Import {
  return {
    id: row.id,
    name: row.name,
    source: row.source,
    mapping: row.mapping,
    mappingHash: row.mapping_hash,
    shape: JSON.parse(row.shape) as FileShape,
    scope: row.scope,
    fileName: row.file_name,
    filePath: row.file_path,
    fileBytes: row.file_bytes,
    contentHash: row.content_hash,
    state: row.state,
    failure: row.failure,
    fence: row.fence,
    rowsRead: row.rows_read,
    imported: row.imported,
    rejected: row.rejected,
    repeated: row.repeated,
    leftOut: row.left_out,
    next: { offset: row.next_offset, line: row.next_line, insideRefused: row.next_inside_refused },
    bytesRead: row.bytes_read,
    rejectsBytes: row.rejects_bytes,
    receivedAt: row.received_at.getTime(),
    createdAt: row.created_at.getTime(),
    startedAt: row.started_at?.getTime() ?? null,
    finishedAt: row.finished_at?.getTime() ?? null,
  }
}
