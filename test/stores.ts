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
 * Real stores for one test file: a database of its own in each engine, with all tables. The engines are started once per run (see
 * `stores-setup.ts`), or are those of ZHIKE_TEST_POSTGRES_URL and ZHIKE_TEST_CLICKHOUSE_URL. Everything goes when the file has run.
 */
export async function testStores(): Promise<TestStores> {
  const name = `zhike_test_${randomBytes(6).toString('hex')}`
  const adminPostgres = connectPostgres(inject('postgresUrl'), { connections: 1 })
  const adminClickhouse = connectClickHouse(inject('clickhouseUrl'))
  await Promise.all([adminPostgres.query(`create database ${name}`), adminClickhouse.command(`create database ${name}`)])
  const postgresUrl = withDatabase(inject('postgresUrl'), name)
  const clickhouseUrl = withDatabase(inject('clickhouseUrl'), name)
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

function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.toString()
}
