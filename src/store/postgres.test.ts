import { expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { connectPostgres } from './postgres.ts'

const { postgres, postgresUrl } = await testStores()

const phone = '19900001234'

test('a failed transaction is rolled back and throws what it threw', async () => {
  await postgres.query('create table one (n int8)')
  const failure = new Error('on purpose')
  await expect(
    postgres.transaction(async tx => {
      await tx.query('insert into one values (1)')
      throw failure
    }),
  ).rejects.toBe(failure)
  expect(await postgres.query('select n from one')).toEqual([])
})

test('a failed statement leaves the pool usable', async () => {
  await expect(postgres.transaction(tx => tx.query('select nonsense'))).rejects.toThrow()
  expect(await postgres.query('select 1 as one')).toEqual([{ one: 1 }])
})

test('a connection that dies while its transaction waits fails that transaction only', async () => {
  const failing = postgres.transaction(async tx => {
    const [own] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
    await postgres.query('select pg_terminate_backend($1)', [own?.pid])
    await new Promise(resolve => setTimeout(resolve, 200))
    await tx.query('select 1')
  })
  await expect(failing).rejects.toThrow()
  expect(await postgres.query('select 1 as one')).toEqual([{ one: 1 }])
})

test('int8 is a number where that is exact and text where it is not', async () => {
  expect(await postgres.query('select 9007199254740991::int8 as safe, 9007199254740993::int8 as large')).toEqual([
    { safe: 9007199254740991, large: '9007199254740993' },
  ])
})

test('days begin in UTC, wherever the server stands', async () => {
  const [{ database } = { database: '' }] = await postgres.query<{ database: string }>('select current_database() as database')
  await postgres.query(`alter database ${database} set timezone to 'Asia/Shanghai'`)
  const fresh = connectPostgres(postgresUrl, { connections: 1 })
  expect(await fresh.query(`select date_trunc('day', '2026-10-01T23:00:00Z'::timestamptz) = '2026-10-01T00:00:00Z' as utc`)).toEqual([
    { utc: true },
  ])
  await fresh.close()
})

test('an error carries its code and constraint but no values', async () => {
  await postgres.query('create table numbers (phone text primary key, n int8)')
  await postgres.query('insert into numbers values ($1, 1)', [phone])
  const repeated = await refusalOf('insert into numbers values ($1, 1)')
  expect(repeated).toMatchObject({ code: '23505', constraint: 'numbers_pkey' })
  const invalid = await refusalOf('select $1::text::date')
  expect(invalid).toMatchObject({ code: '22008' })
  for (const refusal of [repeated, invalid]) expect(JSON.stringify([String(refusal), refusal.stack, { ...refusal }])).not.toContain(phone)
})

async function refusalOf(text: string): Promise<Error> {
  return (await postgres.query(text, [phone]).catch((error: unknown) => error)) as Error
}

test('lists arrive as they were given', async () => {
  const texts = ['', ' ', 'NULL', null, '{a,"b"}', '\\', '\\"', "it's", '第一\n行', '𠮷', 'a,b']
  const whole = [0, -1, 9_007_199_254_740_991]
  const real = [0.1, 1e300, Number.NEGATIVE_INFINITY]
  const [row] = await postgres.query('select $1::text[] as texts, $2::bigint[] as whole, $3::float8[] as real, $4::text[] as none', [
    texts,
    whole,
    real,
    [],
  ])
  expect(row).toEqual({ texts, whole: whole.map(String), real, none: [] })
})
