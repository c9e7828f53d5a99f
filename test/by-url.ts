import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { startClickHouse } from '../src/store/embedded/clickhouse.ts'
import { separatePostgresPrograms, startSeparatePostgres } from './separate-postgres.ts'

/**
 * `node test/by-url.ts ARGUMENTS…` runs vitest with these arguments against servers that are given by URL: a PostgreSQL of the system and a
 * ClickHouse that this program owns, as a brand's own servers are. Exits as vitest does.
 */
const programs = separatePostgresPrograms()
if (programs === undefined) throw new Error('there is no PostgreSQL of the system: on Debian, apt-get install postgresql')

const folder = mkdtempSync(join(tmpdir(), 'zhike-by-url-'))
chmodSync(folder, 0o755)
const log = pino({ level: 'fatal' })
const postgres = await startSeparatePostgres(programs, join(folder, 'postgres'))
const clickhouse = await startClickHouse({ directory: join(folder, 'clickhouse'), password: 'separate', memoryBytes: 2 ** 31, log })
console.log(`PostgreSQL of ${programs}, a ClickHouse server, both by URL`)
try {
  process.exitCode = await vitest({ ZHIKE_TEST_POSTGRES_URL: postgres.url, ZHIKE_TEST_CLICKHOUSE_URL: clickhouse.url })
} finally {
  await Promise.all([postgres.stop(), clickhouse.engine.stop()])
  rmSync(folder, { recursive: true, force: true })
}

function vitest(servers: Record<string, string>): Promise<number> {
  const program = join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit', env: { ...process.env, ...servers } })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve(code ?? 1))
  })
}
