import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { configFrom } from '../../src/config.ts'
import { type Core, openCore } from '../../src/core.ts'

/** Everything behind the front doors, on a data directory of its own that goes afterwards. */
export async function withCore<T>(work: (core: Core) => Promise<T>, environment: Record<string, string> = {}): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'zhike-bench-'))
  chmodSync(directory, 0o755)
  const config = configFrom({ ZHIKE_DATA: directory, ZHIKE_POSTGRES_MEMORY_MB: '1024', ZHIKE_CLICKHOUSE_MEMORY_MB: '4096', ...environment })
  const core = await openCore({ config, log: pino({ level: 'error' }), registry: new Registry(), now: Date.now })
  try {
    return await work(core)
  } finally {
    await core.close()
    rmSync(directory, { recursive: true, force: true })
  }
}
