import { expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { migrateClickHouse, migratePostgres, migration, migrationsFor, pendingOf } from './migrate.ts'
import { connectPostgres, type Postgres } from './postgres.ts'

const { postgres, clickhouse, postgresUrl } = await testStores()

const released = { postgres: migrationsFor('postgres'), clickhouse: migrationsFor('clickhouse') }
const postgresWith = (name: string, text: string) => [...released.postgres, migration(name, text)]
const clickhouseWith = (name: string, text: string) => [...released.clickhouse, migration(name, text)]

test('a second start applies nothing', async () => {
  expect(await migratePostgres(postgres)).toEqual([])
  expect(await migrateClickHouse(clickhouse, postgres)).toEqual([])
})

test('a migration of PostgreSQL that is cut off leaves nothing behind and is applied by the next start', async () => {
  const cut = postgresWith('9001-cut.sql', 'create table cut (n int8); select 1 / 0;')
  await expect(migratePostgres(postgres, cut)).rejects.toThrow()
  expect(await postgres.query(`select to_regclass('cut') as cut`)).toEqual([{ cut: null }])
  expect(await migratePostgres(postgres, postgresWith('9001-cut.sql', 'create table cut (n int8);'))).toEqual(['9001-cut.sql'])
  expect(await postgres.query('select n from cut')).toEqual([])
  await postgres.query(`delete from migrations where name = '9001-cut.sql'`)
})

test('a migration of PostgreSQL whose connection dies is applied by the next start', async () => {
  const doomed = connectPostgres(postgresUrl, { connections: 1 })
  const slow = postgresWith('9002-slow.sql', 'create table slow (n int8); select pg_sleep(60);')
  const cut = migratePostgres(doomed, slow).catch((error: unknown) => error)
  await untilOneSleeps(postgres)
  await postgres.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`,
  )
  expect(await cut).toBeInstanceOf(Error)
  await doomed.close()
  expect(await migratePostgres(postgres, postgresWith('9002-slow.sql', 'create table slow (n int8);'))).toEqual(['9002-slow.sql'])
  await postgres.query(`delete from migrations where name = '9002-slow.sql'`)
})

test('a migration of ClickHouse that is cut off in the middle is finished by the next start', async () => {
  const head = 'create table if not exists first (n UInt8) engine = MergeTree order by n;\n'
  await expect(migrateClickHouse(clickhouse, postgres, clickhouseWith('9001-cut.sql', `${head}select throwIf(true);\n`))).rejects.toThrow()
  await clickhouse.insert('first', '{"n":1}')
  const whole = clickhouseWith(
    '9001-cut.sql',
    `${head}-- a remark; with a semicolon\ncreate table if not exists second (n UInt8) engine = MergeTree order by n;\n`,
  )
  expect(await migrateClickHouse(clickhouse, postgres, whole)).toEqual(['9001-cut.sql'])
  expect(await clickhouse.query('select first.n from first left join second using n')).toEqual([{ n: 1 }])
  await clickhouse.command(`alter table migrations delete where name = '9001-cut.sql' settings mutations_sync = 2`)
})

test('of processes that start at once each migration is applied by one', async () => {
  const others = [1, 2, 3].map(() => connectPostgres(postgresUrl))
  const news = postgresWith('9003-once.sql', 'create table once (n int8); insert into once values (1);')
  const applied = await Promise.all(others.map(other => migratePostgres(other, news)))
  expect(applied.flat()).toEqual(['9003-once.sql'])
  expect(await postgres.query('select n from once')).toEqual([{ n: 1 }])
  const plain = clickhouseWith('9003-once.sql', 'create table once (n UInt8) engine = Memory;\n')
  const made = await Promise.all(others.map(other => migrateClickHouse(clickhouse, other, plain)))
  expect(made.flat()).toEqual(['9003-once.sql'])
  await Promise.all(others.map(other => other.close()))
  await postgres.query(`delete from migrations where name = '9003-once.sql'`)
  await clickhouse.command(`alter table migrations delete where name = '9003-once.sql' settings mutations_sync = 2`)
})

test('a migration that was changed after it had been applied is refused with a sentence', () => {
  const recorded = [migration('0001-a.sql', 'select 1')]
  expect(() => pendingOf([migration('0001-a.sql', 'select 2')], recorded)).toThrow('The migration 0001-a.sql was changed')
  expect(pendingOf([migration('0001-a.sql', 'select 1')], recorded)).toEqual([])
})

test('the line ends of a checkout do not count as a change', () => {
  expect(migration('0001-a.sql', 'select\r\n1').checksum).toBe(migration('0001-a.sql', 'select\n1').checksum)
})

test('a store that a newer version used is refused with a sentence', () => {
  expect(() => pendingOf([], [migration('0099-future.sql', 'select 1')])).toThrow('0099-future.sql, which this version does not know')
})

async function untilOneSleeps(watching: Postgres): Promise<void> {
  while ((await watching.query(`select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`)).length === 0);
}
