import type { Queryable } from '../store/postgres.ts'
import type { Definition, DefinitionKind } from './definition.ts'

interface Row {
  id: number
  kind: DefinitionKind
  key: string
  version: number
  document: string
  run: string | null
  ran_at: Date | null
  next_run_at: Date | null
  created_at: Date
  updated_at: Date
  updated_by: string
}

const columns = 'id, kind, key, version, document, run, ran_at, next_run_at, created_at, updated_at, updated_by'

export async function definitionsIn(db: Queryable): Promise<Definition[]> {
  return (await db.query<Row>(`select ${columns} from definitions order by kind, key`)).map(definitionOf)
}

/** Grows with every change of any definition. */
export async function revisionIn(db: Queryable, lock: '' | 'for share' | 'for update' = ''): Promise<number> {
  const [row] = await db.query<{ revision: number }>(`select revision from definition_revision ${lock}`)
  return row?.revision ?? 0
}

export async function bumpRevision(tx: Queryable): Promise<void> {
  await tx.query('update definition_revision set revision = revision + 1')
}

/** Writes a new version; the caller holds the revision's lock. */
export async function saveDefinition(
  tx: Queryable,
  { kind, key, document }: Pick<Definition, 'kind' | 'key' | 'document'>,
  change: { by: string; at: number; nextRunAt: number | undefined },
): Promise<Definition> {
  const text = JSON.stringify(document)
  const at = new Date(change.at)
  const [row] = await tx.query<Row>(
    `insert into definitions (kind, key, version, document, next_run_at, created_at, updated_at, updated_by)
     values ($1, $2, 1, $3, $4, $5, $5, $6)
     on conflict (kind, key) do update set
       version = definitions.version + 1, document = excluded.document, run = null, next_run_at = excluded.next_run_at,
       updated_at = excluded.updated_at, updated_by = excluded.updated_by
     returning ${columns}`,
    [kind, key, text, change.nextRunAt === undefined ? null : new Date(change.nextRunAt), at, change.by],
  )
  if (!row) throw new Error('a definition is always written')
  await tx.query('insert into definition_versions (definition, version, document, at, by) values ($1, $2, $3, $4, $5)', [
    row.id,
    row.version,
    text,
    at,
    change.by,
  ])
  await bumpRevision(tx)
  return definitionOf(row)
}

export async function removeDefinition(tx: Queryable, id: number): Promise<void> {
  await tx.query('delete from definitions where id = $1', [id])
  await bumpRevision(tx)
}

/** A version of a definition, newest first. */
export interface DefinitionVersion {
  version: number
  document: unknown
  at: string
  by: string
}

export async function versionsOf(db: Queryable, id: number): Promise<DefinitionVersion[]> {
  const rows = await db.query<{ version: number; document: string; at: Date; by: string }>(
    'select version, document, at, by from definition_versions where definition = $1 order by version desc limit 200',
    [id],
  )
  return rows.map(row => ({ ...row, document: JSON.parse(row.document) as unknown, at: row.at.toISOString() }))
}

function definitionOf(row: Row): Definition {
  return {
    id: row.id,
    kind: row.kind,
    key: row.key,
    version: row.version,
    document: JSON.parse(row.document) as unknown,
    run: row.run === null ? undefined : (JSON.parse(row.run) as unknown),
    ranAt: row.ran_at?.getTime(),
    nextRunAt: row.next_run_at?.getTime(),
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
    updatedBy: row.updated_by,
  }
}
