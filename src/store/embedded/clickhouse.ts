import { fork } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { serverXml, usersXml } from './clickhouse-config.ts'
import { type Engine, type EngineProcess, engineEnvironment, Hopeless, runEngine } from './engine.ts'
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
  const data = join(directory, 'data')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const users = join(directory, 'users.xml')
  const config = join(directory, 'config.xml')
  writeFileSync(users, usersXml(password), { mode: 0o600 })
  writeFileSync(config, serverXml({ users, password, memoryBytes }), { mode: 0o600 })
  let http = 0
  let tcp = 0
  const headers = { 'X-ClickHouse-User': 'zhike', 'X-ClickHouse-Key': password }
  const engine = await runEngine({
    name: 'ClickHouse',
    stopSignals: [
      { signal: 'SIGTERM', patienceMs: 15_000 },
      { signal: 'SIGKILL', patienceMs: 5_000 },
    ],
    log,
    async launch(isFirst) {
      if (isFirst) [http = 0, tcp = 0] = await freePorts(2)
      return launch([library, config, data, `${http}`, `${tcp}`], log)
    },
    async probe() {
      const answer = await fetch(`http://127.0.0.1:${http}/?query=select+1`, { headers, signal: AbortSignal.timeout(5_000) }).catch(
        () => undefined,
      )
      await answer?.body?.cancel()
      return answer?.ok ? 'ready' : 'silent'
    },
  })
  return { url: `http://zhike:${password}@127.0.0.1:${http}`, engine }
}

/** The package of this platform. */
export function clickhousePackage(): string {
  return `@chdb/lib-${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`
}

function libraryPath(): string {
  const name = clickhousePackage()
  try {
    const path = createRequire(import.meta.url)
      .resolve(`${name}/package.json`)
      .replace(/package\.json$/, 'libchdb.so')
    if (existsSync(path)) return path
  } catch {
    // Falls through to the sentence.
  }
  throw new Hopeless(
    'engine-missing',
    `There is no ClickHouse for ${process.platform}-${process.arch} in this installation (${name}). Run npm install again with optional packages, or set ZHIKE_CLICKHOUSE_URL to a server of your own.`,
  )
}

/** Its own session, so that Ctrl-C reaches it only through us; it ends when its channel to us closes. */
function launch(args: string[], log: Logger): EngineProcess {
  const program = fileURLToPath(new URL('clickhouse-process.ts', import.meta.url))
  const child = fork(program, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
    env: engineEnvironment(),
  })
  let last = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    last = text.trim().split('\n').at(-1) ?? last
    log.debug({ engine: 'ClickHouse' }, text.trim())
  })
  const ended = new Promise<string>(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('exit', (code, signal) => resolve(`${signal ?? `code ${code}`}; it said last: ${last}`))
  })
  return { pid: child.pid ?? 0, ended, terminate: signal => void child.kill(signal) }
}
