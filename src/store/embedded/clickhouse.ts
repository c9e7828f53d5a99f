import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { type Engine, type EngineProcess, runEngine } from './engine.ts'
import { freePorts } from './ports.ts'

export interface EmbeddedClickHouse {
  url: string
  engine: Engine
}

/**
 * ClickHouse from the npm packages of chDB: `libchdb.so` is a server when it is started through its oldest entry point, in a child process.
 * @param memoryBytes it refuses queries beyond this
 */
export async function startClickHouse(options: {
  directory: string
  password: string
  memoryBytes: number
  log: Logger
}): Promise<EmbeddedClickHouse> {
  const library = libraryPath()
  const { directory, password, memoryBytes, log } = options
  mkdirSync(join(directory, 'data'), { recursive: true, mode: 0o700 })
  const users = join(directory, 'users.xml')
  const config = join(directory, 'config.xml')
  writeFileSync(users, usersXml(password), { mode: 0o600 })
  writeFileSync(config, configXml(users, memoryBytes), { mode: 0o600 })
  const [http = 0, tcp = 0] = await freePorts(2)
  const base = `http://127.0.0.1:${http}`
  const headers = { 'X-ClickHouse-User': 'zhike', 'X-ClickHouse-Key': password }
  const engine = await runEngine({
    name: 'ClickHouse',
    stopSignal: 'SIGTERM',
    log,
    launch: async () => launch(library, { config, directory: join(directory, 'data'), http, tcp }, log),
    async probe() {
      const answer = await fetch(`${base}/?query=select+1`, { headers, signal: AbortSignal.timeout(5_000) })
      if (!answer.ok) throw new Error(`ClickHouse answers ${answer.status}`)
      await answer.body?.cancel()
    },
  })
  return { url: `http://zhike:${password}@127.0.0.1:${http}`, engine }
}

function libraryPath(): string {
  const name = `@chdb/lib-${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`
  try {
    const path = createRequire(import.meta.url)
      .resolve(`${name}/package.json`)
      .replace(/package\.json$/, 'libchdb.so')
    if (existsSync(path)) return path
  } catch {
    // Falls through to the sentence.
  }
  throw new Error(
    `There is no ClickHouse for ${process.platform}-${process.arch} in this installation (${name}). Run npm install again with optional packages, or set ZHIKE_CLICKHOUSE_URL to a server of your own.`,
  )
}

/** Its own session, so that Ctrl-C reaches it only through us; it ends when its channel to us closes. */
function launch(library: string, place: { config: string; directory: string; http: number; tcp: number }, log: Logger): EngineProcess {
  const program = fileURLToPath(new URL('clickhouse-process.ts', import.meta.url))
  const child = fork(program, [library, place.config, place.directory, `${place.http}`, `${place.tcp}`], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  })
  let last = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    last = text.trim().split('\n').at(-1) ?? last
    log[/ (ERROR|FATAL|PANIC):/.test(text) ? 'warn' : 'debug']({ engine: 'ClickHouse' }, text.trim())
  })
  const ended = new Promise<string>(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('exit', (code, signal) => resolve(`${signal ?? `code ${code}`}; it said last: ${last}`))
  })
  return { pid: child.pid ?? 0, ended, terminate: signal => void child.kill(signal) }
}

function configXml(users: string, memoryBytes: number): string {
  return `<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <max_server_memory_usage>${memoryBytes}</max_server_memory_usage>
  <mark_cache_size>${Math.floor(memoryBytes / 8)}</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>4</background_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <users_config>${users}</users_config>
  <user_directories><users_xml><path>${users}</path></users_xml></user_directories>
</clickhouse>
`
}

/**
 * The engine's own local session is the user \`default\` without a password, and an HTTP client on loopback could be it too:
 * so it may do nothing but listen. Zhike's user cannot read files, reach other servers or run programs through SQL.
 */
function usersXml(password: string): string {
  const digest = createHash('sha256').update(password).digest('hex')
  return `<clickhouse>
  <users>
    <default>
      <no_password/><networks><ip>::1</ip></networks><profile>default</profile><quota>default</quota>
      <grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>
    </default>
    <zhike>
      <password_sha256_hex>${digest}</password_sha256_hex><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
    </zhike>
  </users>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
</clickhouse>
`
}
