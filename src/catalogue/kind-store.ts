import { audit } from '../access/audit.ts'
import { Refusal } from '../refusal.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import { defaultKinds, type EntityKind, type KindDocument } from './kinds.ts'

/** A kind with the version of its document; 0 is a default that nobody has changed. */
export interface StoredKind extends EntityKind {
  version: number
}

/** The kinds of the workspace, by key: its own, and the defaults that it left as they are. */
export async function kindsIn(db: Queryable): Promise<StoredKind[]> {
  const rows = await db.query<{ kind: string; document: KindDocument | null; version: number }>(
    'select kind, document, version from entity_kinds',
  )
  const kinds = new Map(defaultKinds.map(kind => [kind.key, { ...kind, version: 0 }]))
  for (const { kind, document, version } of rows) {
    const known = document ?? kinds.get(kind)
    if (known) kinds.set(kind, { ...known, key: kind, version })
  }
  return [...kinds.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** How many changes there were. */
export async function kindChangesIn(db: Queryable): Promise<number> {
  const [row] = await db.query<{ changes: number }>('select coalesce(sum(version), 0)::bigint as changes from entity_kinds')
  return row?.changes ?? 0
}

export interface KindChange {
  /** The version that the change was made on, 0 for none; not compared when absent. */
  expected: number | undefined
  by: string
  at: number
  /** Called in the transaction of the change. @throws Refusal where the kind is needed */
  changed: KindChanged
}

/** @param isGone there is no such kind any more */
export type KindChanged = (tx: Queryable, kind: string, isGone: boolean) => Promise<void>

/** Replaces a kind's document. */
export async function putKind(postgres: Postgres, key: string, document: KindDocument, change: KindChange): Promise<void> {
  await postgres.transaction(async tx => {
    await save(tx, key, document, change)
    await change.changed(tx, key, false)
  })
}

/** A default is again what it was; a kind of the workspace's own is gone, unless there are entities of it. */
export async function removeKind(postgres: Postgres, key: string, change: KindChange): Promise<void> {
  await postgres.transaction(async tx => {
    const isDefault = defaultKinds.some(kind => kind.key === key)
    const [used] = isDefault ? [] : await tx.query('select from entities where kind = $1 limit 1', [key])
    if (used) throw new Refusal(409, 'kind-in-use', 'there are entities of this kind: delete them first')
    await save(tx, key, null, change)
    await change.changed(tx, key, !isDefault)
  })
}

async function save(tx: Queryable, key: string, document: KindDocument | null, { expected, by, at }: KindChange): Promise<void> {
  const [known] = await tx.query<{ version: number }>('select version from entity_kinds where kind = $1 for update', [key])
  const version = known?.version ?? 0
  if (expected !== undefined && expected !== version) throw outdated(version)
  const saved = await tx.query(
    `insert into entity_kinds (kind, document, version, updated_at, updated_by) values ($1, $2, $3, $4, $5)
     on conflict (kind) do update
       set document = excluded.document, version = excluded.version, updated_at = excluded.updated_at, updated_by = excluded.updated_by
       where entity_kinds.version = $3 - 1
     returning version`,
    [key, document && JSON.stringify(document), version + 1, new Date(at), by],
  )
  if (saved.length === 0) throw outdated(version + 1)
  const did = document ? 'entity-kind.change' : 'entity-kind.remove'
  await audit(tx, at, { who: by, did, what: key, details: { version: version + 1 } })
}

function outdated(version: number): Refusal {
  return new Refusal(409, 'outdated', `the kind is at version ${version} by now; read it again and make the change on that`)
}
