import { expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'

const { postgres, clickhouse } = await testStores()

test('PostgreSQL rolls back what a failed transaction did and throws what it threw', async () => {
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

test('int8 is a number where that is exact and text where it is not', async () => {
  expect(await postgres.query('select 9007199254740991::int8 as safe, 9007199254740993::int8 as large')).toEqual([
    { safe: 9007199254740991, large: '9007199254740993' },
  ])
})

test('ClickHouse binds values and keeps a date in JSON as the text that was sent', async () => {
  await clickhouse.command('create table j (p JSON) engine = Memory')
  await clickhouse.insert('j', '{"p":{"day":"2026-10-01","n":1.5}}\n{"p":{"day":"it\'s"}}')
  expect(await clickhouse.query('select p from j where p.day = {day:String}', { day: '2026-10-01' })).toEqual([
    { p: { day: '2026-10-01', n: 1.5 } },
  ])
  expect(await clickhouse.query('select count() as n from j where p.day = {day:String}', { day: "it's" })).toEqual([{ n: 1 }])
})

test('ClickHouse streams an answer row by row', async () => {
  let sum = 0
  for await (const { number } of clickhouse.stream<{ number: number }>('select number from numbers({n:UInt32})', { n: 10_000 }))
    sum += number
  expect(sum).toBe(49_995_000)
})
