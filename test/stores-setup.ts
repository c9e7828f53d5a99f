import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { TestProject } from 'vitest/node'
import { startClickHouse } from '../src/store/embedded/clickhouse.ts'
import { startPostgres } from '../src/store/embedded/postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string
    clickhouseUrl: string
  }
}

const gigabyte = 2 ** 30

/** Starts the engines that all test files share, unless servers are given by URL. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'zhike-test-'))
  chmodSync(directory, 0o755)
  const log = pino({ level: 'fatal' })
  const given = { postgres: process.env.ZHIKE_TEST_POSTGRES_URL, clickhouse: process.env.ZHIKE_TEST_CLICKHOUSE_URL }
  const postgres = given.postgres
    ? undefined
    : await startPostgres({ directory: join(directory, 'postgres'), password: 'test', memoryBytes: gigabyte, log })
  const clickhouse = given.clickhouse
    ? undefined
    : await startClickHouse({ directory: join(directory, 'clickhouse'), password: 'test', memoryBytes: 3 * gigabyte, log })
  project.provide('postgresUrl', given.postgres ?? postgres?.url ?? '')
  project.provide('clickhouseUrl', given.clickhouse ?? clickhouse?.url ?? '')
  return async () => {
    await Promise.all([postgres?.engine.stop(), clickhouse?.engine.stop()])
    rmSync(directory, { recursive: true, force: true })
  }
}
