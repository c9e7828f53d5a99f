import { randomBytes } from 'node:crypto'
import { afterAll, inject } from 'vitest'
import { type ClickHouse, connectClickHouse } from '../src/store/clickhouse.ts'
import { migrateClickHouse, migratePostgres } from '../src/store/migrate.ts'
import { connectPostgres, type Postgres } from '../src/store/postgres.ts'

export interface TestStores {
  postgres: Postgres
  clickhouse: ClickHouse
  /** For those that open their own connections. */
  postgresUrl: string
  clickhouseUrl: string
}

/**
 * Real stores for one test file: a database of its own in each engine, with all tables. The engines are started once per run, when
 * the first file asks (see `stores-setup.ts`), or are those of ZHIKE_TEST_POSTGRES_URL and ZHIKE_TEST_CLICKHOUSE_URL. Everything goes when the file has run.
 */
export async function testStores(): Promise<TestStores> {
  const name = `zhike_test_${randomBytes(6).toString('hex')}`
  const shared = await sharedServers()
  const adminPostgres = connectPostgres(shared.postgresUrl, { connections: 1 })
  const adminClickhouse = connectClickHouse(shared.clickhouseUrl)
  await Promise.all([adminPostgres.query(`create database ${name}`), adminClickhouse.command(`create database ${name}`)])
  const postgresUrl = withDatabase(shared.postgresUrl, name)
  const clickhouseUrl = withDatabase(shared.clickhouseUrl, name)
  const postgres = connectPostgres(postgresUrl)
  const clickhouse = connectClickHouse(clickhouseUrl)
  afterAll(async () => {
    await Promise.all([postgres.close(), clickhouse.close()])
    await Promise.all([adminPostgres.query(`drop database ${name} with (force)`), adminClickhouse.command(`drop database ${name}`)])
    await Promise.all([adminPostgres.close(), adminClickhouse.close()])
  })
  await migratePostgres(postgres)
  await migrateClickHouse(clickhouse, postgres)
  return { postgres, clickhouse, postgresUrl, clickhouseUrl }
}

async function sharedServers(): Promise<{ postgresUrl: string; clickhouseUrl: string }> {
  const answer = await fetch(inject('storesAt'))
  if (!answer.ok) throw new Error(`the engines of the tests did not start: ${await answer.text()}`)
  return (await answer.json()) as { postgresUrl: string; clickhouseUrl: string }
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.toString()
}
