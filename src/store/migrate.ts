import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { Refusal } from '../refusal.ts'
import type { ClickHouse } from './clickhouse.ts'
import type { Postgres, Queryable } from './postgres.ts'

export interface Migration {
  /** `0001-facts.sql` */
  name: string
  text: string
  checksum: string
}

/** An applied migration was changed afterwards, or this program is older than the store. */
export class MigrationRefused extends Refusal {
  constructor(sentence: string) {
    super(500, 'migration', sentence)
    this.name = 'MigrationRefused'
  }
}

export function migrationsFor(store: 'postgres' | 'clickhouse'): Migration[] {
  const directory = new URL(`migrations/${store}/`, import.meta.url)
  return readdirSync(directory)
    .filter(name => name.endsWith('.sql'))
    .sort()
    .map(name => migration(name, readFileSync(new URL(name, directory), 'utf8')))
}

/** @param text its line ends do not count */
export function migration(name: string, text: string): Migration {
  return { name, text, checksum: createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex') }
}

const advisoryLock = 7_204_511

/** Applies what is missing, each migration in a transaction of its own. Two processes that start at once take turns. */
export async function migratePostgres(postgres: Postgres, migrations = migrationsFor('postgres')): Promise<string[]> {
  const pending = await inTurn(postgres, async tx => {
    await tx.query(
      'create table if not exists migrations (name text primary key, checksum text not null, applied_at timestamptz not null default clock_timestamp())',
    )
    return pendingOf(migrations, await tx.query<Recorded>('select name, checksum from migrations'))
  })
  const applied: string[] = []
  for (const { name, text, checksum } of pending) {
    const isNew = await inTurn(postgres, async tx => {
      // Another process may have been faster meanwhile.
      if ((await tx.query('select from migrations where name = $1', [name])).length > 0) return false
      await tx.query(text)
      await tx.query('insert into migrations (name, checksum) values ($1, $2)', [name, checksum])
      return true
    })
    if (isNew) applied.push(name)
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
  return inTurn(lock, async () => {
    await clickhouse.command(
      'create table if not exists migrations (name String, checksum String, applied_at DateTime default now()) engine = MergeTree order by name settings fsync_after_insert = 1, fsync_part_directory = 1',
    )
    const pending = pendingOf(migrations, await clickhouse.query<Recorded>('select name, checksum from migrations'))
    for (const { name, text, checksum } of pending) {
      for (const statement of statementsOf(text)) await clickhouse.command(statement)
      await clickhouse.insert('migrations', JSON.stringify({ name, checksum }))
    }
    return pending.map(({ name }) => name)
  })
}

async function inTurn<T>(postgres: Postgres, work: (tx: Queryable) => Promise<T>): Promise<T> {
  return postgres.transaction(async tx => {
    // A server may have limits that fit requests; a migration takes what it takes, and waits.
    await tx.query('set local statement_timeout = 0; set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0')
    await tx.query('select pg_advisory_xact_lock($1)', [advisoryLock])
    return work(tx)
  })
}

interface Recorded {
  name: string
  checksum: string
}

/** @throws MigrationRefused when what was applied is not what this program has */
export function pendingOf(migrations: readonly Migration[], recorded: readonly Recorded[]): Migration[] {
  const checksums = new Map(recorded.map(({ name, checksum }) => [name, checksum]))
  const ours = new Set(migrations.map(({ name }) => name))
  const unknown = recorded.map(({ name }) => name).filter(name => !ours.has(name))
  if (unknown.length > 0)
    throw new MigrationRefused(
      `The store was used by a newer Zhike: it has ${unknown.join(', ')}, which this version does not know. Start the newer version.`,
    )
  const changed = migrations.find(({ name, checksum }) => (checksums.get(name) ?? checksum) !== checksum)
  if (changed)
    throw new MigrationRefused(
      `The migration ${changed.name} was changed after it had been applied. Restore the file as it was released, and put the change into a new migration.`,
    )
  return migrations.filter(({ name }) => !checksums.has(name))
}

/** Names that the store lacks, and names that it has and this program does not know. */
export async function pendingMigrations(
  store: Pick<Queryable, 'query'>,
  migrations = migrationsFor('postgres'),
): Promise<{ missing: string[]; unknown: string[] }> {
  const rows = await store.query<{ name: string }>('select name from migrations order by name')
  const known = new Set(rows.map(row => row.name))
  const ours = new Set(migrations.map(({ name }) => name))
  return { missing: [...ours].filter(name => !known.has(name)), unknown: [...known].filter(name => !ours.has(name)) }
}

function statementsOf(text: string): string[] {
  return text
    .replace(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map(statement => statement.trim())
    .filter(statement => statement !== '')
}
