import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { TestProject } from 'vitest/node'
import { startClickHouse } from '../src/store/embedded/clickhouse.ts'
import { startPostgres } from '../src/store/embedded/postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    storesAt: string
  }
}

const gigabyte = 2 ** 30

/** The engines that all test files share, started when the first one asks at `storesAt`; or servers that are given by URL. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: ReturnType<typeof startEngines> | undefined
  const door = createServer((_, answer) => {
    starting ??= startEngines()
    starting.then(
      ({ postgresUrl, clickhouseUrl }) => answer.end(JSON.stringify({ postgresUrl, clickhouseUrl })),
      error => answer.writeHead(500).end(String(error)),
    )
  }).listen(0, '127.0.0.1')
  await once(door, 'listening')
  project.provide('storesAt', `http://127.0.0.1:${(door.address() as AddressInfo).port}`)
  return async () => {
    door.close()
    await (await starting?.catch(() => undefined))?.stop()
  }
}

async function startEngines() {
  const directory = mkdtempSync(join(tmpdir(), 'zhike-test-'))
  chmodSync(directory, 0o755)
  const log = pino({ level: 'fatal' })
  const given = { postgres: process.env.ZHIKE_TEST_POSTGRES_URL, clickhouse: process.env.ZHIKE_TEST_CLICKHOUSE_URL }
  const [postgres, clickhouse] = await Promise.all([
    given.postgres ? undefined : startPostgres({ directory: join(directory, 'postgres'), password: 'test', memoryBytes: gigabyte, log }),
    given.clickhouse
      ? undefined
      : startClickHouse({ directory: join(directory, 'clickhouse'), password: 'test', memoryBytes: 3 * gigabyte, log }),
  ])
  return {
    postgresUrl: given.postgres ?? postgres?.url ?? '',
    clickhouseUrl: given.clickhouse ?? clickhouse?.url ?? '',
    async stop() {
      await Promise.all([postgres?.engine.stop(), clickhouse?.engine.stop()])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
