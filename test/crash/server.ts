import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Keys, keysFrom } from '../../src/privacy/keys.ts'
import { type ClickHouse, connectClickHouse } from '../../src/store/clickhouse.ts'
import { connectPostgres, type Postgres } from '../../src/store/postgres.ts'
import { type Process, processesOf } from './processes.ts'

/** Where a Zhike lives, from one start to the next. */
export interface Place {
  dataDir: string
  port: number
  url: string
  /** What it prints, start after start. */
  logFile: string
}

/** One start of it. */
export interface Server {
  place: Place
  pid: number
  /** Resolves with how the main process ended. */
  ended: Promise<string>
  hasEnded(): boolean
  /** What it has printed since this start. */
  said(): string
}

export const apiKey = 'crash-test-api-key'
export const writeKey = 'crash-test-write-key'
const secret = 'crash-test-secret-0123456789abcdef'
export const keys: Keys = keysFrom(secret)

const program = join(import.meta.dirname, '..', '..', 'bin', 'zhike.js')
/** Generous: the machine may be busy with something else. */
const patienceMs = 240_000

export async function placeIn(directory: string): Promise<Place> {
  const port = await freePort()
  return { dataDir: join(directory, 'data'), port, url: `http://127.0.0.1:${port}`, logFile: join(directory, 'server.log') }
}

/** The program as people start it, with an address that stays the same. */
export function startServer(place: Place): Server {
  const output = openSync(place.logFile, 'a')
  const from = readFileSync(place.logFile).length
  const child = spawn(process.execPath, [program, 'serve'], {
    stdio: ['ignore', output, output],
    env: {
      PATH: process.env.PATH,
      ZHIKE_DATA: place.dataDir,
      ZHIKE_PORT: `${place.port}`,
      ZHIKE_SECRET: secret,
      ZHIKE_API_KEY: apiKey,
      ZHIKE_WRITE_KEY: writeKey,
    },
  })
  closeSync(output)
  let how: string | undefined
  const ended = endOf(child).then(ending => {
    how = ending
    return ending
  })
  const said = () => readFileSync(place.logFile).subarray(from).toString()
  return { place, pid: child.pid ?? 0, ended, hasEnded: () => how !== undefined, said }
}

/** @throws when it ends instead, or never gets there */
export async function readiness(server: Server): Promise<void> {
  for (const from = performance.now(); performance.now() - from < patienceMs; await sleep(100)) {
    if (server.hasEnded()) throw new Error(`the server ended while it started (${await server.ended}); see ${server.place.logFile}`)
    const answer = await fetch(`${server.place.url}/ready`, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok) return
  }
  throw new Error(`the server is not ready after ${patienceMs / 1000} s; see ${server.place.logFile}`)
}

/** Returns when everything acknowledged before is visible in every read. */
export async function flush({ place }: Server): Promise<void> {
  const answer = await fetch(`${place.url}/api/flush`, { method: 'POST', headers: bearer, signal: AbortSignal.timeout(patienceMs) })
  if (!answer.ok) throw new Error(`flush was answered with ${answer.status}: ${await answer.text()}`)
  await answer.body?.cancel()
}

/** The file of the rows that an import has not taken. */
export async function rejectedRowsOf(server: Server, importId: number): Promise<string> {
  return (await get(server, `/api/imports/${importId}/rejected`)).text()
}

/** What the API answers. */
export async function answerOf<T>(server: Server, path: string): Promise<T> {
  return (await (await get(server, path)).json()) as T
}

async function get({ place }: Server, path: string): Promise<Response> {
  const answer = await fetch(`${place.url}${path}`, { headers: bearer, signal: AbortSignal.timeout(patienceMs) })
  if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`)
  return answer
}

export const bearer = { authorization: `Bearer ${apiKey}` }

/** Asks it to end and waits until it has. Returns how it ended. */
export async function stopServer(server: Server): Promise<string> {
  process.kill(server.pid, 'SIGTERM')
  const late = new AbortController()
  const how = await Promise.race([server.ended, sleep(patienceMs, undefined, { signal: late.signal }).catch(() => undefined)])
  late.abort()
  if (how === undefined) throw new Error(`the server has not stopped after ${patienceMs / 1000} s; see ${server.place.logFile}`)
  return how
}

/** The processes of it now. */
export function groupOf({ place, pid }: Pick<Server, 'place' | 'pid'>): Process[] {
  return processesOf(place.dataDir, pid)
}

/** The engines of a running server, for reading beside it. */
export async function withStores<T>(
  server: Server,
  work: (stores: { postgres: Postgres; clickhouse: ClickHouse }) => Promise<T>,
): Promise<T> {
  const postgres = connectPostgres(`postgres://zhike:${passwordFor('postgres')}@127.0.0.1:${postgresPort(server)}/postgres`)
  const clickhouse = connectClickHouse(`http://zhike:${passwordFor('clickhouse')}@127.0.0.1:${clickhousePort(server)}`)
  try {
    return await work({ postgres, clickhouse })
  } finally {
    await Promise.allSettled([postgres.close(), clickhouse.close()])
  }
}

/** As in src/store/stores.ts. */
function passwordFor(engine: string): string {
  return keys.derive(`engine-password:${engine}`).toString('base64url')
}

function postgresPort({ place }: Server): number {
  return Number(readFileSync(join(place.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[3])
}

/** The last arguments of its process are its two ports. */
function clickhousePort(server: Server): number {
  const running = groupOf(server).find(({ part }) => part === 'clickhouse')
  if (!running) throw new Error('there is no ClickHouse')
  return Number(running.command.at(-2))
}

async function endOf(child: ChildProcess): Promise<string> {
  const [code, signal] = await once(child, 'exit')
  return signal ?? `code ${code}`
}

/** Below those that the engines choose from: a port that is free only while the server is down must not become an engine's. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 7_000)
    const listener = createServer()
    const isFree = await new Promise(resolve => {
      listener.once('error', () => resolve(false))
      listener.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(true))
    })
    if (!isFree) continue
    await new Promise(resolve => listener.close(resolve))
    return port
  }
}
