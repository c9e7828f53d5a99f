import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import { type ClickHouse, connectClickHouse } from './clickhouse.ts'
import { startClickHouse } from './embedded/clickhouse.ts'
import type { Engine } from './embedded/engine.ts'
import { startPostgres } from './embedded/postgres.ts'
import { lockDataDirectory } from './lock.ts'
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
  /** Where they are, with user and password, for those that open connections of their own. */
  postgresUrl: string
  clickhouseUrl: string
  /** The processes of the embedded engines, by name; empty where URLs are used. */
  engines: { postgres?: Engine; clickhouse?: Engine }
  close(): Promise<void>
}

/** Both stores, started or reached, with their tables as this version has them. */
export async function openStores(options: StoreOptions): Promise<Stores> {
  const reached = await reachStores(options)
  const { postgres, clickhouse, close } = reached
  try {
    await answering('PostgreSQL', reached.postgresUrl, postgres)
    await answering('ClickHouse', reached.clickhouseUrl, clickhouse)
    const applied = [...(await migratePostgres(postgres)), ...(await migrateClickHouse(clickhouse, postgres))]
    if (applied.length > 0) options.log.info({ applied }, 'migrations applied')
  } catch (error) {
    await close()
    throw error
  }
  return reached
}

/** Both stores as they are. The data directory is this process's while an engine runs on it. */
export async function reachStores(options: StoreOptions): Promise<Stores> {
  const { dataDir, keys, log } = options
  const isEmbedded = !options.postgresUrl || !options.clickhouseUrl
  const unlock = isEmbedded ? lockDataDirectory(dataDir) : () => undefined
  const embedded = (engine: 'postgres' | 'clickhouse', memoryBytes: number) => ({
    directory: join(dataDir, engine),
    password: keys.derive(`engine-password:${engine}`).toString('base64url'),
    memoryBytes,
    log,
  })
  try {
    const [postgresAt, clickhouseAt] = await allOrNone([
      options.postgresUrl ? { url: options.postgresUrl } : startPostgres(embedded('postgres', options.postgresMemory)),
      options.clickhouseUrl ? { url: options.clickhouseUrl } : startClickHouse(embedded('clickhouse', options.clickhouseMemory)),
    ])
    const postgres = connectPostgres(postgresAt.url)
    const clickhouse = connectClickHouse(clickhouseAt.url)
    const engines = {
      ...(postgresAt.engine ? { postgres: postgresAt.engine } : {}),
      ...(clickhouseAt.engine ? { clickhouse: clickhouseAt.engine } : {}),
    }
    const close = async () => {
      // A connection that is still in use ends with its engine.
      await Promise.race([Promise.allSettled([postgres.close(), clickhouse.close()]), sleep(5_000, undefined, { ref: false })])
      await Promise.all([engines.postgres?.stop(), engines.clickhouse?.stop()])
      unlock()
    }
    return { postgres, clickhouse, postgresUrl: postgresAt.url, clickhouseUrl: clickhouseAt.url, engines, close }
  } catch (error) {
    unlock()
    throw error
  }
}

interface Reached {
  url: string
  engine?: Engine
}

/** @throws Refusal with a sentence when a server that was given by URL does not answer */
async function answering(name: string, url: string, store: { query(text: string): Promise<unknown> }): Promise<void> {
  try {
    await store.query('select 1')
  } catch (error) {
    const { host } = new URL(url)
    const { message, code } = error as NodeJS.ErrnoException
    throw new Refusal(
      503,
      'unreachable',
      `${name} at ${host} does not answer: ${message || code}. Check that it runs, its address, user and password in the environment, and the firewall between.`,
    )
  }
}

/** Waits for all; when one fails, those that started are stopped before the failure is passed on. */
async function allOrNone(starting: [Reached | Promise<Reached>, Reached | Promise<Reached>]): Promise<[Reached, Reached]> {
  const [first, second] = await Promise.allSettled(starting)
  if (first.status === 'fulfilled' && second.status === 'fulfilled') return [first.value, second.value]
  for (const one of [first, second]) if (one.status === 'fulfilled') await one.value.engine?.stop()
  throw first.status === 'rejected' ? first.reason : second.status === 'rejected' ? second.reason : new Error('unreachable')
}
