import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { ClickHouse } from './clickhouse.ts'
import type { Postgres, Queryable } from './postgres.ts'

export interface Migration {
  /** `0001-facts.sql` */
  name: string
  text: string
  checksum: string
}

/** An applied migration was changed afterwards, or this program is older than the store. */
export class MigrationRefused extends Error {
  override name = 'MigrationRefused'
}

export function migrationsFor(store: 'postgres' | 'clickhouse'): Migration[] {
  const directory = new URL(`migrations/${store}/`, import.meta.url)
  return readdirSync(directory)
    .filter(name => name.endsWith('.sql'))
    .sort()
    .map(name => {
      const text = readFileSync(new URL(name, directory), 'utf8')
      return { name, text, checksum: createHash('sha256').update(text).digest('hex') }
    })
}

const advisoryLock = 7_204_511

/** Applies what is missing, each migration in a transaction of its own. Two processes that start at once take turns. */
export async function migratePostgres(postgres: Postgres, migrations = migrationsFor('postgres')): Promise<string[]> {
  const applied: string[] = []
  for (const migration of migrations) {
    await postgres.transaction(async tx => {
      await tx.query('select pg_advisory_xact_lock($1)', [advisoryLock])
      await tx.query(
        'create table if not exists migrations (name text primary key, checksum text not null, applied_at timestamptz not null default clock_timestamp())',
      )
      const [known] = await tx.query<{ checksum: string }>('select checksum from migrations where name = $1', [migration.name])
      if (known) return refuseChanged(migration, known.checksum)
      await tx.query(migration.text)
      await tx.query('insert into migrations (name, checksum) values ($1, $2)', [migration.name, migration.checksum])
      applied.push(migration.name)
    })
  }
  return applied
}

/**
 * ClickHouse has no transactions: statements are idempotent, and a migration is recorded once all of its statements have run.
 * Two processes that start at once take turns through PostgreSQL's lock.
 */
export async function migrateClickHouse(
  clickhouse: ClickHouse,
  lock: Postgres,
  migrations = migrationsFor('clickhouse'),
): Promise<string[]> {
  return lock.transaction(async tx => {
    await tx.query('select pg_advisory_xact_lock($1)', [advisoryLock + 1])
    await clickhouse.command(
      'create table if not exists migrations (name String, checksum String, applied_at DateTime default now()) engine = MergeTree order by name settings fsync_after_insert = 1, fsync_part_directory = 1',
    )
    const known = new Map(
      (await clickhouse.query<{ name: string; checksum: string }>('select name, checksum from migrations')).map(row => [
        row.name,
        row.checksum,
      ]),
    )
    const applied: string[] = []
    for (const migration of migrations) {
      const checksum = known.get(migration.name)
      if (checksum !== undefined) {
        refuseChanged(migration, checksum)
        continue
      }
      for (const statement of statementsOf(migration.text)) await clickhouse.command(statement)
      await clickhouse.insert('migrations', JSON.stringify({ name: migration.name, checksum: migration.checksum }))
      applied.push(migration.name)
    }
    return applied
  })
}

/** Names that the store has and this program does not know, and the other way round. */
export async function pendingMigrations(
  postgres: Queryable,
  migrations = migrationsFor('postgres'),
): Promise<{ missing: string[]; unknown: string[] }> {
  const rows = await postgres.query<{ name: string }>('select name from migrations order by name')
  const known = new Set(rows.map(row => row.name))
  const ours = new Set(migrations.map(migration => migration.name))
  return { missing: [...ours].filter(name => !known.has(name)), unknown: [...known].filter(name => !ours.has(name)) }
}

function refuseChanged(migration: Migration, checksum: string): void {
  if (checksum !== migration.checksum)
    throw new MigrationRefused(
      `The migration ${migration.name} was changed after it had been applied. Restore the file as it was released, and put the change into a new migration.`,
    )
}

function statementsOf(text: string): string[] {
  return text
    .replace(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map(statement => statement.trim())
    .filter(statement => statement !== '')
}
