import { audit } from '../access/audit.ts'
import { Refusal } from '../refusal.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import type { EntityDocument } from './entities.ts'

export interface Entity {
  id: string
  document: EntityDocument
  version: number
  updatedAt: string
}

interface EntityRow {
  id: string
  document: EntityDocument
  version: number
  updated_at: Date
}

const columns = 'id, document, version, updated_at'

export async function entityOf(db: Queryable, kind: string, id: string): Promise<Entity> {
  const [row] = await db.query<EntityRow>(`select ${columns} from entities where kind = $1 and id = $2`, [kind, id])
  if (!row) throw new Refusal(404, 'no-such-entity', 'the catalogue has no such entity')
  return entityFrom(row)
}

export interface EntityQuery {
  /** A part of the id or of a name. */
  search?: string | undefined
  /** The id that the last page ended with. */
  after?: string | undefined
  limit: number
}

/** By id. */
export async function entitiesOf(db: Queryable, kind: string, { search, after, limit }: EntityQuery): Promise<Entity[]> {
  const rows = await db.query<EntityRow>(
    `select ${columns} from entities
     where kind = $1 and ($2::text is null or id collate "C" > $2)
       and ($3::text is null or id ilike $3 or document ->> 'zh' ilike $3 or document ->> 'en' ilike $3)
     order by id collate "C" limit $4`,
    [kind, after ?? null, search === undefined ? null : `%${search.replace(/[\\%_]/g, '\\$&')}%`, limit],
  )
  return rows.map(entityFrom)
}

export async function countOfEntities(db: Queryable): Promise<Map<string, number>> {
  const rows = await db.query<{ kind: string; count: number }>('select kind, count(*) as count from entities group by kind')
  return new Map(rows.map(({ kind, count }) => [kind, count]))
}

export interface EntityChange {
  by: string
  at: number
}

/**
 * Replaces an entity.
 * @param expected the version that the change was made on, 0 for none; not compared when absent
 */
export async function putEntity(
  postgres: Postgres,
  kind: string,
  id: string,
  document: EntityDocument,
  { expected, by, at }: EntityChange & { expected: number | undefined },
): Promise<Entity> {
  return postgres.transaction(async tx => {
    const version = await lockedVersion(tx, kind, id)
    if (expected !== undefined && expected !== version) throw outdated(version)
    const [row] = await tx.query<EntityRow>(
      `insert into entities (kind, id, document, version, updated_at, updated_by) values ($1, $2, $3, $4, $5, $6)
       on conflict (kind, id) do update
         set document = excluded.document, version = excluded.version, updated_at = excluded.updated_at, updated_by = excluded.updated_by
         where entities.version = $4 - 1
       returning ${columns}`,
      [kind, id, JSON.stringify(document), version + 1, new Date(at), by],
    )
    if (!row) throw outdated(version + 1)
    await audit(tx, at, { who: by, did: 'entity.change', what: `${kind}:${id}`, details: { version: version + 1 } })
    return entityFrom(row)
  })
}

/** In one transaction; what is as it was stays at its version. @returns how many changed */
export async function putEntities(
  postgres: Postgres,
  kind: string,
  entities: ReadonlyMap<string, EntityDocument>,
  { by, at }: EntityChange,
): Promise<number> {
  if (entities.size === 0) return 0
  // Two writers never wait for each other: both go by id.
  const rows = [...entities].sort(([a], [b]) => (a < b ? -1 : 1))
  return postgres.transaction(async tx => {
    const changed = await tx.query(
      `insert into entities (kind, id, document, version, updated_at, updated_by)
       select $1, id, document, 1, $4, $5 from unnest($2::text[], $3::jsonb[]) as new (id, document)
       on conflict (kind, id) do update
         set document = excluded.document, version = entities.version + 1, updated_at = excluded.updated_at, updated_by = excluded.updated_by
         where entities.document <> excluded.document
       returning id`,
      [kind, rows.map(([id]) => id), rows.map(([, document]) => JSON.stringify(document)), new Date(at), by],
    )
    const details = { entities: rows.length, changed: changed.length }
    await audit(tx, at, { who: by, did: 'entities.change', what: kind, details })
    return changed.length
  })
}

export async function removeEntity(
  postgres: Postgres,
  kind: string,
  id: string,
  { expected, by, at }: EntityChange & { expected: number | undefined },
): Promise<void> {
  await postgres.transaction(async tx => {
    const version = await lockedVersion(tx, kind, id)
    if (version === 0) throw new Refusal(404, 'no-such-entity', 'the catalogue has no such entity')
    if (expected !== undefined && expected !== version) throw outdated(version)
    await tx.query('delete from entities where kind = $1 and id = $2', [kind, id])
    await audit(tx, at, { who: by, did: 'entity.remove', what: `${kind}:${id}`, details: { version } })
  })
}

async function lockedVersion(tx: Queryable, kind: string, id: string): Promise<number> {
  const [known] = await tx.query<{ version: number }>('select version from entities where kind = $1 and id = $2 for update', [kind, id])
  return known?.version ?? 0
}

function outdated(version: number): Refusal {
  return new Refusal(409, 'outdated', `the entity is at version ${version} by now; read it again and make the change on that`)
}

function entityFrom({ id, document, version, updated_at }: EntityRow): Entity {
  return { id, document, version, updatedAt: updated_at.toISOString() }
}
