import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { keysFrom } from '../privacy/keys.ts'
import { type LookOptions, lookAtClickHouse, lookAtPostgres, storeFindings } from './doctor.ts'
import type { Queryable } from './postgres.ts'
import { openStores } from './stores.ts'

const { postgres, clickhouse, postgresUrl, clickhouseUrl } = await testStores()

let dataDir = ''
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'zhike-doctor-'))
})
afterEach(() => rmSync(dataDir, { recursive: true }))

const look = (more: Partial<LookOptions> = {}) =>
  storeFindings({
    dataDir,
    postgresMemory: 2 ** 27,
    clickhouseMemory: 2 ** 30,
    keys: () => keysFrom('a secret for tests'),
    log: pino({ level: 'silent' }),
    ...more,
  })
const faultsOf = (findings: Awaited<ReturnType<typeof look>>) => findings.filter(({ state }) => state !== 'ok')

test('stores that are well are told so, with their versions', async () => {
  const findings = await look({ postgresUrl, clickhouseUrl })
  expect(faultsOf(findings)).toEqual([])
  expect(findings.map(({ found }) => found).join('\n')).toMatch(/PostgreSQL \d+.*\n.*\n.*\nClickHouse \d+/)
})

test('an empty data directory stays empty', async () => {
  expect(faultsOf(await look())).toEqual([])
  expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
})

test('a directory in use is told, with the process, and its engines are left alone', async () => {
  const program = `const { lockDataDirectory } = await import('${new URL('lock.ts', import.meta.url)}')
    lockDataDirectory('${dataDir}'); console.log('has it'); setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  expect((await look()).map(({ found }) => found)).toEqual([`process ${holder.pid} uses ${dataDir}, and the engines in it`])
  holder.kill()
  await once(holder, 'exit')
  expect((await look()).map(({ found }) => found)).toEqual([`no process uses ${dataDir}`])
  expect(readdirSync(dataDir)).toEqual(['lock'])
})

test('engines that rest are started for the look and stopped again', async () => {
  chmodSync(dataDir, 0o755)
  const options = { dataDir, postgresMemory: 2 ** 27, clickhouseMemory: 2 ** 30, log: pino({ level: 'silent' }) }
  await (await openStores({ ...options, keys: keysFrom('a secret for tests') })).close()
  const findings = await look()
  expect(faultsOf(findings)).toEqual([])
  expect(findings.map(({ found }) => found).join('\n')).toMatch(
    /PostgreSQL 18.*durable.*\n.*\n.*\nClickHouse \d+.*durable, closed without its password/,
  )
  expect((await look({ keys: () => keysFrom('another secret') })).map(({ found }) => found)).toContainEqual(
    expect.stringContaining('was made under another secret'),
  )
})

test('a store that does not answer is a fault with something to do', async () => {
  const findings = await look({ postgresUrl: 'postgres://a:b@127.0.0.1:1/c', clickhouseUrl: 'http://a:b@127.0.0.1:1' })
  expect(faultsOf(findings).map(({ about, todo }) => [about, typeof todo])).toEqual([
    ['PostgreSQL', 'string'],
    ['ClickHouse', 'string'],
  ])
})

test('a PostgreSQL that may lose what it acknowledged is a fault', async () => {
  const careless: Queryable = {
    query: async <T>(text: string) =>
      text.includes('fsync')
        ? ((await postgres.query<object>(text)).map(row => ({ ...row, fsync: 'off' })) as T[])
        : postgres.query<T>(text),
  }
  expect(faultsOf(await lookAtPostgres(careless))).toEqual([
    expect.objectContaining({ state: 'fault', found: expect.stringContaining('fsync off') }),
  ])
})

test('a clock that differs is a warning', async () => {
  const ahead: Queryable = {
    query: async <T>(text: string) => (text.includes('clock_timestamp') ? ([{ ms: Date.now() + 90_000 }] as T[]) : postgres.query<T>(text)),
  }
  expect(faultsOf(await lookAtPostgres(ahead))).toEqual([
    expect.objectContaining({ state: 'warning', found: expect.stringMatching(/90\.0 s|8\d\.\d s/) }),
  ])
})

test('a ClickHouse that answers without a password is a fault', async () => {
  const open = createServer((_, answer) => answer.end('GRANT SELECT, INSERT ON *.* TO default\n'))
  await new Promise<void>(resolve => open.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(open.address() as AddressInfo).port}`
  expect(faultsOf(await lookAtClickHouse(clickhouse, url))).toEqual([
    expect.objectContaining({ state: 'fault', found: expect.stringContaining('without a password') }),
  ])
  open.close()
})

test('a table of ClickHouse that may lose rows is a fault', async () => {
  await clickhouse.command('create table careless (n UInt8) engine = MergeTree order by n settings fsync_after_insert = 0')
  expect(faultsOf(await lookAtClickHouse(clickhouse, clickhouseUrl)).map(({ found }) => found)).toEqual([
    'ClickHouse may lose what it acknowledged in careless',
  ])
  await clickhouse.command('drop table careless')
})

test('migrations that this version does not know are a fault', async () => {
  await postgres.query(`insert into migrations (name, checksum) values ('9999-future.sql', 'x')`)
  expect(faultsOf(await lookAtPostgres(postgres)).map(({ found }) => found)).toEqual([expect.stringContaining('9999-future.sql')])
  await postgres.query(`delete from migrations where name = '9999-future.sql'`)
})
