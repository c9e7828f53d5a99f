import type { Keys } from '../privacy/keys.ts'
import type { Postgres } from '../store/postgres.ts'
import { allSources, type Source } from './sources.ts'
import { writeKeyHash } from './write-keys.ts'

/** The sources as the collector looks them up: in memory, at most half a second behind what any process changed. */
export interface SourceRegistry {
  /** The source that a write key lets in, enabled or not. */
  withWriteKey(writeKey: string): Source | undefined
  /** Looks at once instead of at the next turn. */
  refresh(): Promise<void>
  close(): void
}

interface Known {
  source: Source
  expiresAt: number
}

const everyMs = 500
/** Keys whose hash need not be made again; senders with wrong keys do not grow it. */
const remembered = 10_000

/** @param onFault told when the sources cannot be read; the collector goes on with those it knows */
export async function openSourceRegistry(
  postgres: Postgres,
  keys: Keys,
  now: () => number,
  onFault?: (error: unknown) => void,
): Promise<SourceRegistry> {
  let revision = -1
  let byHash = new Map<string, Known>()
  let byKey = new Map<string, Known>()

  async function refresh(): Promise<void> {
    const seen = await revisionOf(postgres)
    if (seen === revision) return
    byHash = await known(postgres)
    byKey = new Map()
    revision = seen
  }

  function find(writeKey: string): Known | undefined {
    const found = byHash.get(writeKeyHash(keys, writeKey).toString('hex'))
    if (found && byKey.size < remembered) byKey.set(writeKey, found)
    return found
  }

  await refresh()
  let closed = false
  let timer = setTimeout(turn, everyMs).unref()
  async function turn(): Promise<void> {
    await refresh().catch(error => onFault?.(error))
    if (!closed) timer = setTimeout(turn, everyMs).unref()
  }

  return {
    withWriteKey(writeKey) {
      const found = byKey.get(writeKey) ?? find(writeKey)
      return found && found.expiresAt > now() ? found.source : undefined
    },
    refresh,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

async function revisionOf(postgres: Postgres): Promise<number> {
  const [row] = await postgres.query<{ revision: number }>('select revision from source_revision')
  return row?.revision ?? 0
}

async function known(postgres: Postgres): Promise<Map<string, Known>> {
  const sources = new Map((await allSources(postgres)).map(source => [source.key, source]))
  const rows = await postgres.query<{ hash: Buffer; source: string; expires_at: Date | null }>(
    'select hash, source, expires_at from write_keys',
  )
  return new Map(
    rows.flatMap(({ hash, source: key, expires_at }) => {
      const source = sources.get(key)
      return source ? [[hash.toString('hex'), { source, expiresAt: expires_at?.getTime() ?? Number.POSITIVE_INFINITY }]] : []
    }),
  )
}
