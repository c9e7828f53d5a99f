import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { keysFrom } from '../privacy/keys.ts'
import { connectClickHouse } from './clickhouse.ts'
import { connectPostgres } from './postgres.ts'
import { openStores, type Stores } from './stores.ts'

let dataDir = ''
let outside: ChildProcess[] = []
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'zhike-engines-'))
  chmodSync(dataDir, 0o755)
  outside = []
})

/** A directory after its first start, to begin with: copies are made faster than databases. */
const started = mkdtempSync(join(tmpdir(), 'zhike-started-'))
beforeAll(async () => {
  chmodSync(started, 0o755)
  await (await open({ dataDir: started })).close()
})
afterAll(() => rmSync(started, { recursive: true }))

function likeStarted(): void {
  for (const engine of ['postgres', 'clickhouse']) spawnSync('cp', ['-a', join(started, engine), dataDir])
}
afterEach(async () => {
  for (const child of outside) child.kill('SIGKILL')
  await noneLeft()
  const note = join(dataDir, 'postgres.place')
  if (existsSync(note)) rmSync(dirname(readFileSync(note, 'utf8').trim()), { recursive: true })
  rmSync(dataDir, { recursive: true })
})

const secret = 'a secret for tests'

function open(more: Partial<Parameters<typeof openStores>[0]> = {}): Promise<Stores> {
  const log = pino({ level: 'silent' })
  return openStores({ dataDir, postgresMemory: 2 ** 27, clickhouseMemory: 2 ** 30, keys: keysFrom(secret), log, ...more })
}

async function keep(stores: Pick<Stores, 'postgres' | 'clickhouse'>): Promise<void> {
  await stores.postgres.query('create table kept (n int8)')
  await stores.postgres.query('insert into kept values (1), (2)')
  await stores.clickhouse.command('create table kept (n UInt8) engine = MergeTree order by n')
  await stores.clickhouse.insert('kept', '{"n":1}\n{"n":2}')
}

async function isKept({ postgres, clickhouse }: Pick<Stores, 'postgres' | 'clickhouse'>): Promise<void> {
  expect(await postgres.query('select n from kept order by n')).toEqual([{ n: 1 }, { n: 2 }])
  expect(await clickhouse.query('select n from kept order by n')).toEqual([{ n: 1 }, { n: 2 }])
}

test('a stop and a new start keep what was stored', async () => {
  const first = await open()
  await keep(first)
  await first.close()
  const second = await open()
  await isKept(second)
  await second.close()
})

test('a process started right after one was killed finds everything that was acknowledged', async () => {
  likeStarted()
  const { child, stores } = await holder()
  await keep(stores)
  await stores.close()
  expect(enginesOn(dataDir)).not.toEqual([])
  child.kill('SIGKILL')
  await once(child, 'exit')
  const next = await open()
  await isKept(next)
  await next.close()
  expect(enginesOn(dataDir)).toEqual([])
})

test('a killed process leaves no engine behind', async () => {
  likeStarted()
  const { child, stores } = await holder()
  await stores.close()
  child.kill('SIGKILL')
  await noneLeft()
})

test('a second process is refused with a sentence, and the first does not notice', async () => {
  likeStarted()
  const stores = await open()
  await keep(stores)
  const before = readdirSync(dataDir).sort()
  const { said, code } = await refusedHolder()
  expect(said).toContain(`Another Zhike process (pid ${process.pid}) is using ${dataDir}`)
  expect(code).not.toBe(0)
  expect(readdirSync(dataDir).sort()).toEqual(before)
  await isKept(stores)
  await stores.close()
})

test('an engine that is killed alone comes back where it was', async () => {
  likeStarted()
  const stores = await open()
  await keep(stores)
  const { postgres, clickhouse } = stores.engines
  for (const engine of [postgres, clickhouse]) process.kill(engine?.pid() ?? 0, 'SIGKILL')
  await until(() => (postgres?.restarts() ?? 0) + (clickhouse?.restarts() ?? 0) === 2)
  await isKept(stores)
  await stores.close()
})

test('a stop while an engine is being started again leaves nothing running', async () => {
  likeStarted()
  for (const waitMs of [0, 250, 500]) {
    const stores = await open()
    for (const engine of [stores.engines.postgres, stores.engines.clickhouse]) process.kill(engine?.pid() ?? 0, 'SIGKILL')
    await sleep(waitMs)
    await stores.close()
    expect(enginesOn(dataDir)).toEqual([])
  }
})

test('a PostgreSQL whose process and watcher were both killed is recognised and ended', async () => {
  likeStarted()
  const { child, stores, engines } = await holder()
  await keep(stores)
  await stores.close()
  process.kill(watcherOf(engines.postgres), 'SIGKILL')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(enginesOn(dataDir)).toContain(engines.postgres)
  const next = await open()
  await isKept(next)
  expect(enginesOn(dataDir)).not.toContain(engines.postgres)
  await next.close()
})

test('a process number that belongs to another program by now does not keep PostgreSQL from starting', async () => {
  likeStarted()
  const other = spawn('sleep', ['60'])
  outside.push(other)
  writeFileSync(join(dataDir, 'postgres', 'postmaster.pid'), `${other.pid}\n${join(dataDir, 'postgres')}\n1\n5432\n\n127.0.0.1\n`)
  const second = await open()
  await second.close()
  expect(other.exitCode).toBe(null)
})

test('when one engine cannot start, the other is stopped and the directory is free again', async () => {
  mkdirSync(join(dataDir, 'clickhouse'))
  writeFileSync(join(dataDir, 'clickhouse', 'data'), '')
  await expect(open()).rejects.toThrow()
  expect(enginesOn(dataDir)).toEqual([])
  rmSync(join(dataDir, 'clickhouse'), { recursive: true })
  await (await open()).close()
})

test('a server that does not answer is named, without its password, and the directory is free again', async () => {
  likeStarted()
  const elsewhere = { postgresUrl: 'postgres://zhike:hidden@127.0.0.1:1/x', clickhouseUrl: 'http://zhike:hidden@127.0.0.1:1' }
  for (const url of [elsewhere, { postgresUrl: elsewhere.postgresUrl }, { clickhouseUrl: elsewhere.clickhouseUrl }]) {
    const refusal = await open(url).catch((error: unknown) => error)
    expect(refusal).toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/^(PostgreSQL|ClickHouse) at 127\.0\.0\.1:1 does not answer: .*ECONNREFUSED/),
    })
    expect(String(refusal)).not.toContain('hidden')
  }
  expect(enginesOn(dataDir)).toEqual([])
})

test('data made under another secret is refused with a sentence', async () => {
  likeStarted()
  await expect(open({ keys: keysFrom('another secret') })).rejects.toThrow('was made under another secret')
  expect(enginesOn(dataDir)).toEqual([])
})

test.runIf(process.getuid?.() === 0)('started by root, PostgreSQL runs as another user, also where that user cannot go', async () => {
  chmodSync(dataDir, 0o700)
  const first = await open()
  await keep(first)
  expect(readFileSync(`/proc/${first.engines.postgres?.pid()}/status`, 'utf8')).not.toMatch(/^Uid:\s+0\b/m)
  await first.close()
  // It stays where it is when the way becomes free.
  chmodSync(dataDir, 0o755)
  const second = await open()
  await isKept(second)
  await second.close()
})

test.runIf(process.getuid?.() === 0)('an ordinary user can run everything', async () => {
  const { child, stores } = await holder({ uid: 65534, gid: 65534 })
  await keep(stores)
  await isKept(stores)
  await stores.close()
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(enginesOn(dataDir)).toEqual([])
})

interface Holder {
  child: ChildProcess
  stores: Pick<Stores, 'postgres' | 'clickhouse'> & { close(): Promise<void> }
  engines: { postgres: number; clickhouse: number }
}

function startHolder(account: { uid?: number; gid?: number } = {}): ChildProcess {
  const program = join(import.meta.dirname, '..', '..', 'test', 'holds-stores.ts')
  if (account.uid !== undefined) chmodSync(dataDir, 0o777)
  const child = spawn(process.execPath, [program, dataDir, secret], { ...account, stdio: ['ignore', 'pipe', 'pipe'] })
  outside.push(child)
  return child
}

async function holder(account?: { uid?: number; gid?: number }): Promise<Holder> {
  const child = startHolder(account)
  let complaint = ''
  child.stderr?.on('data', text => {
    complaint += text
  })
  const [line] = await Promise.race([
    once(child.stdout ?? child, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(complaint))),
  ])
  const { postgresUrl, clickhouseUrl, ...engines } = JSON.parse(String(line))
  const postgres = connectPostgres(postgresUrl)
  const clickhouse = connectClickHouse(clickhouseUrl)
  const close = async () => void (await Promise.all([postgres.close(), clickhouse.close()]))
  return { child, stores: { postgres, clickhouse, close }, engines }
}

async function refusedHolder(): Promise<{ said: string; code: number | null }> {
  const child = startHolder()
  let said = ''
  child.stderr?.on('data', text => {
    said += text
  })
  const [code] = await once(child, 'close')
  return { said, code }
}

/** Processes that work in the directory or were told to. */
function enginesOn(directory: string): number[] {
  const own = [directory, placeIn(directory)]
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      const [words, place] = [reading(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')), reading(() => readlinkSync(`/proc/${pid}/cwd`))]
      if (words.includes('holds-stores')) return false
      return own.some(path => words.includes(`${path}/`) || place.startsWith(`${path}/`))
    })
    .map(Number)
}

function placeIn(directory: string): string {
  return reading(() => dirname(readFileSync(join(directory, 'postgres.place'), 'utf8').trim())) || directory
}

function reading(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}

async function noneLeft(): Promise<void> {
  await until(() => enginesOn(dataDir).length === 0)
}

async function until(holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 20) {
    expect(waitedMs).toBeLessThan(20_000)
    await sleep(20)
  }
}

function watcherOf(pid: number): number {
  const found = readdirSync('/proc').find(name =>
    reading(() => readFileSync(`/proc/${name}/cmdline`, 'utf8')).endsWith(`\0watcher\0${pid}\0`),
  )
  return Number(found)
}
