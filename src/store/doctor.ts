import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Keys } from '../privacy/keys.ts'
import { type ClickHouse, connectClickHouse } from './clickhouse.ts'
import { holderOf } from './lock.ts'
import { type Migration, migrationsFor, pendingOf } from './migrate.ts'
import { connectPostgres, type Queryable } from './postgres.ts'
import { reachStores, type StoreOptions } from './stores.ts'

/** What a look at the stores brought: a sentence, and what to do where it is not well. */
export interface StoreFinding {
  about: string
  state: 'ok' | 'warning' | 'fault'
  found: string
  todo?: string
}

export type LookOptions = Omit<StoreOptions, 'keys'> & { keys: () => Keys }

/**
 * Looks at both stores without changing them. Embedded engines are started for it, unless a running server has them or nothing was ever
 * stored.
 * @param options `keys` are asked for only where an engine is started
 */
export async function storeFindings(options: LookOptions): Promise<StoreFinding[]> {
  const { dataDir, postgresUrl, clickhouseUrl } = options
  const isEmbedded = !postgresUrl || !clickhouseUrl
  const holder = isEmbedded && existsSync(dataDir) ? holderOf(dataDir) : undefined
  const lock: StoreFinding[] = isEmbedded ? [lockFinding(dataDir, holder)] : []
  const isFresh = !existsSync(join(dataDir, 'postgres')) && !existsSync(join(dataDir, 'clickhouse'))
  if (!isEmbedded || (holder === undefined && !isFresh)) return [...lock, ...(await lookAt(options))]
  return [
    ...lock,
    ...(postgresUrl ? await asking(() => connectPostgres(postgresUrl, { connections: 2 }), lookAtPostgres, 'PostgreSQL') : []),
    ...(clickhouseUrl
      ? await asking(
          () => connectClickHouse(clickhouseUrl),
          store => lookAtClickHouse(store, clickhouseUrl),
          'ClickHouse',
        )
      : []),
  ]
}

function lockFinding(dataDir: string, holder: string | undefined): StoreFinding {
  const found = holder === undefined ? `no process uses ${dataDir}` : `process ${holder} uses ${dataDir}, and the engines in it`
  return { about: 'lock', state: 'ok', found }
}

async function lookAt(options: LookOptions): Promise<StoreFinding[]> {
  try {
    const stores = await reachStores({ ...options, keys: options.keys() })
    try {
      const postgres = await asking(() => ({ ...stores.postgres, close }), lookAtPostgres, 'PostgreSQL')
      const clickhouse = await asking(
        () => ({ ...stores.clickhouse, close }),
        store => lookAtClickHouse(store, stores.clickhouseUrl),
        'ClickHouse',
      )
      return [...postgres, ...clickhouse]
    } finally {
      await stores.close()
    }
  } catch (error) {
    return [unreachable('stores', error)]
  }
}

const close = async () => undefined

/** A store that does not answer is a finding. */
async function asking<S extends { close(): Promise<void> }>(
  connect: () => S,
  look: (store: S) => Promise<StoreFinding[]>,
  name: string,
): Promise<StoreFinding[]> {
  const store = connect()
  try {
    return await look(store)
  } catch (error) {
    return [unreachable(name, error)]
  } finally {
    await store.close()
  }
}

function unreachable(name: string, error: unknown): StoreFinding {
  const reason = error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error)
  return {
    about: name,
    state: 'fault',
    found: `${name}: ${reason}`,
    todo: 'check that it runs, its address, user and password in the environment, and the firewall between',
  }
}

/** The oldest versions that the tests run against, or whose features are used. */
const oldest = { postgres: 15, clickhouse: '25.8' }

export async function lookAtPostgres(postgres: Queryable): Promise<StoreFinding[]> {
  const about = 'PostgreSQL'
  const [known] = await postgres.query<Record<string, string>>(
    `select current_setting('server_version') as version, current_setting('server_version_num')::int / 10000 as major,
       current_setting('server_encoding') as encoding, current_setting('max_connections')::int as connections,
       current_setting('fsync') as fsync, current_setting('full_page_writes') as pages, current_setting('synchronous_commit') as commit,
       has_schema_privilege(current_schema(), 'create') as may_create`,
  )
  const { version, major, encoding, connections, fsync, pages, commit, may_create } = known ?? {}
  const faults: StoreFinding[] = []
  const fault = (wrong: boolean, state: 'warning' | 'fault', found: string, todo: string) =>
    wrong && faults.push({ about, state, found: `PostgreSQL ${found}`, todo })
  fault(Number(major) < oldest.postgres, 'fault', `is version ${version}`, `use version ${oldest.postgres} or newer`)
  fault(
    fsync !== 'on' || pages !== 'on' || commit === 'off',
    'fault',
    `may lose what it acknowledged: fsync ${fsync}, full_page_writes ${pages}, synchronous_commit ${commit}`,
    'turn all three on',
  )
  fault(encoding !== 'UTF8', 'fault', `has a database in ${encoding}`, 'create the database with encoding UTF8')
  fault(Number(connections) < 20, 'warning', `allows ${connections} connections`, 'set max_connections to 20 or more')
  fault(!may_create, 'fault', 'does not let this user create tables', 'grant it create on the schema')
  if (faults.length === 0) faults.push({ about, state: 'ok', found: `PostgreSQL ${version}, durable, ${connections} connections` })
  const recorded = `select name, checksum from migrations`
  return [
    ...faults,
    await clockFinding(about, () => postgres.query<{ ms: number }>('select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms')),
    await migrationFinding(about, migrationsFor('postgres'), () => postgres.query(recorded)),
  ]
}

/** @param url to see what one gets there without a password */
export async function lookAtClickHouse(clickhouse: ClickHouse, url: string): Promise<StoreFinding[]> {
  const about = 'ClickHouse'
  const [known] = await clickhouse.query<{ version: string; readonly: string }>(
    `select version() as version, toString(getSetting('readonly')) as readonly`,
  )
  const { version = '', readonly } = known ?? {}
  const exposed = await isOpenWithoutPassword(url)
  const careless = await tablesThatMayLose(clickhouse)
  const faults: StoreFinding[] = []
  const fault = (wrong: boolean, found: string, todo: string) =>
    wrong && faults.push({ about, state: 'fault', found: `ClickHouse ${found}`, todo })
  fault(release(version) < release(oldest.clickhouse), `is version ${version}`, `use version ${oldest.clickhouse} or newer`)
  fault(readonly !== '0', 'lets this user only read', 'let it create tables and insert')
  fault(exposed, 'answers questions about tables without a password', 'take the grants of the user “default” away, or give it a password')
  fault(
    careless.length > 0,
    `may lose what it acknowledged in ${careless.join(', ')}`,
    'alter table … modify setting fsync_after_insert = 1, fsync_part_directory = 1',
  )
  if (faults.length === 0) faults.push({ about, state: 'ok', found: `ClickHouse ${version}, durable, closed without its password` })
  return [
    ...faults,
    await clockFinding(about, () => clickhouse.query<{ ms: number }>('select toFloat64(toUnixTimestamp64Milli(now64(3))) as ms')),
    await migrationFinding(about, migrationsFor('clickhouse'), () => clickhouse.query('select name, checksum from migrations')),
  ]
}

async function tablesThatMayLose(clickhouse: ClickHouse): Promise<string[]> {
  const rows = await clickhouse.query<{ name: string; definition: string; by_default: number }>(
    `select name, create_table_query as definition,
       (select countIf(value = '1') from system.merge_tree_settings where name in ('fsync_after_insert', 'fsync_part_directory')) = 2 as by_default
     from system.tables
     where database = currentDatabase() and engine like '%MergeTree'
     order by name`,
  )
  const isSet = (definition: string, value: 0 | 1) =>
    ['fsync_after_insert', 'fsync_part_directory'].filter(name => definition.includes(`${name} = ${value}`)).length
  return rows
    .filter(({ definition, by_default }) => isSet(definition, 0) > 0 || (!by_default && isSet(definition, 1) < 2))
    .map(({ name }) => name)
}

/** `26.7.2.1` as 2607 */
function release(version: string): number {
  const [year = 0, month = 0] = version.split('.').map(Number)
  return year * 100 + month
}

async function isOpenWithoutPassword(url: string): Promise<boolean> {
  const answer = await fetch(new URL('/?query=show+grants', new URL(url).origin), { signal: AbortSignal.timeout(10_000) })
  return answer.ok && /\b(ALL|SELECT|INSERT|ALTER|CREATE|DROP)\b/.test(await answer.text())
}

const toleratedMs = 2_000

async function clockFinding(about: string, ask: () => Promise<{ ms: number }[]>): Promise<StoreFinding> {
  const before = Date.now()
  const [answer] = await ask()
  const after = Date.now()
  const there = answer?.ms ?? Number.NaN
  const skewMs = Math.round(Math.max(0, before - there, there - after))
  if (skewMs <= toleratedMs) return { about, state: 'ok', found: `the clock of ${about} agrees with this machine’s` }
  return {
    about,
    state: 'warning',
    found: `the clock of ${about} is ${(skewMs / 1000).toFixed(1)} s off this machine’s`,
    todo: 'let both take their time from the network (NTP)',
  }
}

async function migrationFinding(
  about: string,
  migrations: Migration[],
  ask: () => Promise<{ name: string; checksum: string }[]>,
): Promise<StoreFinding> {
  const recorded = await ask().catch(() => [])
  try {
    const pending = pendingOf(migrations, recorded)
    const found =
      pending.length === 0
        ? `the tables in ${about} are up to date (${migrations.length} migrations)`
        : `${pending.length} of ${migrations.length} migrations are not applied to ${about} yet; the next start does it`
    return { about, state: 'ok', found }
  } catch (error) {
    return {
      about,
      state: 'fault',
      found: error instanceof Error ? error.message : String(error),
      todo: 'run the version that the store was last used with',
    }
  }
}
