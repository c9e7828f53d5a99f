import { Refusal } from '../refusal.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import type { CanonicalEvent } from './event.ts'

/** Where events come from: a site, an app, a server. */
export interface Source {
  /** Stands in every event and in `/api/sources/{key}`: never changes. */
  key: string
  name: string
  /** The channel of its events; `other` leaves it to what each message says. */
  kind: CanonicalEvent['channel']
  enabled: boolean
  /** ms since the epoch. */
  createdAt: number
}

export const sourceKinds = [
  'web',
  'server',
  'mobile',
  'mini_program',
  'import',
  'platform',
  'other',
] as const satisfies readonly Source['kind'][]

/** A letter, then letters, digits, `_` and `-`: it stands in addresses and files. */
export const sourceKey = /^[a-z][a-z0-9_-]{0,62}$/

interface SourceRow {
  key: string
  name: string
  kind: Source['kind']
  enabled: boolean
  created_at: Date
}

export async function allSources(db: Queryable): Promise<Source[]> {
  return (await db.query<SourceRow>('select key, name, kind, enabled, created_at from sources order by created_at, key')).map(fromRow)
}

/** @throws Refusal 404 */
export async function sourceNamed(db: Queryable, key: string): Promise<Source> {
  const [row] = await db.query<SourceRow>('select key, name, kind, enabled, created_at from sources where key = $1', [key])
  if (!row) throw unknownSource()
  return fromRow(row)
}

/** The source that a file names, made when it is new. It has no write key: nobody can send under its name. */
export async function ensureImportSource(postgres: Postgres, key: string, now: number): Promise<void> {
  if (!sourceKey.test(key))
    throw new Refusal(422, 'source-refused', 'a source key begins with a small letter and goes on with small letters, digits, _ and -')
  await postgres.transaction(async tx => {
    const made = await tx.query(
      `insert into sources (key, name, kind, enabled, created_at) values ($1, $1, 'import', true, $2) on conflict do nothing returning key`,
      [key, new Date(now)],
    )
    if (made.length > 0) await announceChange(tx)
  })
}

/** @throws Refusal 409 when there is one with this key */
export async function createSource(tx: Queryable, source: Source): Promise<void> {
  const made = await tx.query(
    'insert into sources (key, name, kind, enabled, created_at) values ($1, $2, $3, $4, $5) on conflict do nothing returning key',
    [source.key, source.name, source.kind, source.enabled, new Date(source.createdAt)],
  )
  if (made.length === 0) throw new Refusal(409, 'source-exists', 'there is a source with this key; choose another or change that one')
  await announceChange(tx)
}

/** @throws Refusal 404 */
export async function changeSource(
  tx: Queryable,
  key: string,
  change: Partial<Pick<Source, 'name' | 'kind' | 'enabled'>>,
): Promise<Source> {
  const [row] = await tx.query<SourceRow>(
    `update sources set name = coalesce($2, name), kind = coalesce($3, kind), enabled = coalesce($4, enabled)
     where key = $1 returning key, name, kind, enabled, created_at`,
    [key, change.name ?? null, change.kind ?? null, change.enabled ?? null],
  )
  if (!row) throw unknownSource()
  await announceChange(tx)
  return fromRow(row)
}

/** @throws Refusal 404; 409 while events name it, because their source must keep its name */
export async function deleteSource(tx: Queryable, key: string): Promise<void> {
  await sourceNamed(tx, key)
  const [row] = await tx.query<{ used: boolean }>(
    'select exists (select from source_stats where source = $1) or exists (select from rejected where source = $1) as used',
    [key],
  )
  if (row?.used) throw new Refusal(409, 'source-in-use', 'events have come from this source; disable it instead')
  await tx.query('delete from sources where key = $1', [key])
  await announceChange(tx)
}

/** Lets every collector see within a second what this transaction changes. */
export async function announceChange(tx: Queryable): Promise<void> {
  await tx.query('update source_revision set revision = revision + 1')
}

function unknownSource(): Refusal {
  return new Refusal(404, 'unknown-source', 'there is no source with this key; GET /api/sources lists them')
}

function fromRow({ key, name, kind, enabled, created_at }: SourceRow): Source {
  return { key, name, kind, enabled, createdAt: created_at.getTime() }
}
