import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Keys } from '../privacy/keys.ts'
import { type ClickHouse, connectClickHouse } from './clickhouse.ts'
import { startClickHouse } from './embedded/clickhouse.ts'
import type { Engine } from './embedded/engine.ts'
import { startPostgres } from './embedded/postgres.ts'
import { migrateClickHouse, migratePostgres } from './migrate.ts'
import { connectPostgres, type Postgres } from './postgres.ts'

export interface StoreOptions {
  dataDir: string
  postgresUrl?: string | undefined
  clickhouseUrl?: string | undefined
  /** Bytes that an embedded engine may use. */
  postgresMemory: number
  clickhouseMemory: number
  keys: Keys
  log: Logger
}

export interface Stores {
  postgres: Postgres
  clickhouse: ClickHouse
  /** The processes of the embedded engines, by name; empty where URLs are used. */
  engines: { postgres?: Engine; clickhouse?: Engine }
  close(): Promise<void>
}

/** Both stores, started or reached, with their tables as this version has them. */
export async function openStores(options: StoreOptions): Promise<Stores> {
  const { dataDir, keys, log } = options
  const [postgresAt, clickhouseAt] = await allOrNone([
    options.postgresUrl
      ? { url: options.postgresUrl }
      : startPostgres({
          directory: join(dataDir, 'postgres'),
          password: passwordFor(keys, 'postgres'),
          memoryBytes: options.postgresMemory,
          log,
        }),
    options.clickhouseUrl
      ? { url: options.clickhouseUrl }
      : startClickHouse({
          directory: join(dataDir, 'clickhouse'),
          password: passwordFor(keys, 'clickhouse'),
          memoryBytes: options.clickhouseMemory,
          log,
        }),
  ])
  const postgres = connectPostgres(postgresAt.url)
  const clickhouse = connectClickHouse(clickhouseAt.url)
  const engines = {
    ...(postgresAt.engine ? { postgres: postgresAt.engine } : {}),
    ...(clickhouseAt.engine ? { clickhouse: clickhouseAt.engine } : {}),
  }
  const close = async () => {
    await Promise.allSettled([postgres.close(), clickhouse.close()])
    await Promise.all([engines.postgres?.stop(), engines.clickhouse?.stop()])
  }
  try {
    const applied = [...(await migratePostgres(postgres)), ...(await migrateClickHouse(clickhouse, postgres))]
    if (applied.length > 0) log.info({ applied }, 'migrations applied')
  } catch (error) {
    await close()
    throw error
  }
  return { postgres, clickhouse, engines, close }
}

interface Reached {
  url: string
  engine?: Engine
}

/** Waits for all; when one fails, those that started are stopped before the failure is passed on. */
async function allOrNone(starting: [Reached | Promise<Reached>, Reached | Promise<Reached>]): Promise<[Reached, Reached]> {
  const [first, second] = await Promise.allSettled(starting)
  if (first.status === 'fulfilled' && second.status === 'fulfilled') return [first.value, second.value]
  for (const one of [first, second]) if (one.status === 'fulfilled') await one.value.engine?.stop()
  throw first.status === 'rejected' ? first.reason : second.status === 'rejected' ? second.reason : new Error('unreachable')
}

function passwordFor(keys: Keys, engine: string): string {
  return keys.derive(`engine-password:${engine}`).toString('base64url')
}
