import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'

const { clickhouse } = await testStores()

const phone = '19900001234'

test('values are bound, and a date in JSON stays the text that was sent', async () => {
  await clickhouse.command('create table j (p JSON) engine = Memory')
  await clickhouse.insert('j', '{"p":{"day":"2026-10-01","n":1.5}}\n{"p":{"day":"it\'s"}}')
  expect(await clickhouse.query('select p from j where p.day = {day:String}', { day: '2026-10-01' })).toEqual([
    { p: { day: '2026-10-01', n: 1.5 } },
  ])
  expect(await clickhouse.query('select count() as n from j where p.day = {day:String}', { day: "it's" })).toEqual([{ n: 1 }])
})

test('the values of a list in JSON keep their types', async () => {
  await clickhouse.command('create table lists (p JSON) engine = Memory')
  const lists = { a: [true, null, 1.5], b: [false, 2], c: [true, 'x'], d: [1, 'x'], e: [true, 1, 'x', null], f: [1, 2.5], g: ['x', null] }
  await clickhouse.insert('lists', JSON.stringify({ p: lists }))
  expect(await clickhouse.query('select p from lists')).toEqual([{ p: lists }])
})

test('a 64-bit integer is a number where that is exact and text where it is not', async () => {
  expect(
    await clickhouse.query(
      `select toUInt64(9007199254740991) as safe, toUInt64(18446744073709551615) as large, toInt64(-9007199254740993) as negative,
              [toUInt64(1), toUInt64(9007199254740993)] as list, '1e17 9007199254740993' as text, 0.1234567890123456 as fraction`,
    ),
  ).toEqual([
    {
      safe: 9007199254740991,
      large: '18446744073709551615',
      negative: '-9007199254740993',
      list: [1, '9007199254740993'],
      text: '1e17 9007199254740993',
      fraction: 0.1234567890123456,
    },
  ])
})

test('a large number in a JSON column stays a number', async () => {
  expect(await clickhouse.query(`select '{"n":1e17}'::JSON as p, toUInt64(18446744073709551615) as large`)).toEqual([
    { p: { n: 1e17 }, large: '18446744073709551615' },
  ])
})

test('days begin in UTC, wherever the server stands', async () => {
  expect(await clickhouse.query('select timezone() as zone')).toEqual([{ zone: 'UTC' }])
})

test('an answer streams row by row, and leaving it early leaves the connection usable', async () => {
  let sum = 0
  for await (const { number } of clickhouse.stream<{ number: number }>('select number from numbers({n:UInt32})', { n: 10_000 }))
    sum += number
  expect(sum).toBe(49_995_000)
  for await (const { number } of clickhouse.stream<{ number: number }>('select number from numbers(100000000)')) if (number > 10) break
  expect(await clickhouse.query('select 1 as one')).toEqual([{ one: 1 }])
})

test('a failure in the middle of a stream is thrown, not taken for its end', async () => {
  let rows = 0
  const failing = (async () => {
    for await (const _ of clickhouse.stream('select throwIf(number = 300000) as n from numbers(1000000) settings max_block_size = 1000'))
      rows++
  })()
  await expect(failing).rejects.toThrow()
  expect(rows).toBeLessThan(300_001)
})

test('a query that is given up ends on the server', async () => {
  const giveUp = new AbortController()
  const running = clickhouse.query(
    'select sum(sleepEachRow(0.1)) from numbers(600) settings max_block_size = 1',
    {},
    { signal: giveUp.signal, queryId: 'given-up' },
  )
  setTimeout(() => giveUp.abort(), 500)
  await expect(running).rejects.toThrow()
  const runningNow = () => clickhouse.query(`select 1 from system.processes where query_id = 'given-up'`)
  for (let waits = 0; (await runningNow()).length > 0; waits++) {
    expect(waits).toBeLessThan(100)
    await sleep(50)
  }
})

test('an insert that the server refuses says what is wrong without the row', async () => {
  await clickhouse.command('create table strict (n UInt8) engine = Memory')
  const refusal = await clickhouse.insert('strict', `{"n":"${phone}x"}`).catch((error: unknown) => error as Error & { code: string })
  expect(refusal).toBeInstanceOf(Error)
  expect(JSON.stringify([String(refusal), (refusal as Error).stack, { ...(refusal as object) }])).not.toContain(phone)
  expect((refusal as Error).message).toMatch(/ClickHouse: [A-Z_]+ \(\d+\)/)
})

test('a query that fails says what is wrong without the values bound to it', async () => {
  for (const [text, params] of [
    ['select nothing_here from system.one where dummy::String = {value:String}', { value: phone }],
    ['select {value:UInt8}', { value: `${phone}x` }],
    ['select {value:String}::UInt8', { value: `${phone}x` }],
  ] as const) {
    const refusal = (await clickhouse.query(text, params).catch((error: unknown) => error)) as Error
    expect(refusal).toBeInstanceOf(Error)
    expect(JSON.stringify([String(refusal), refusal.stack, { ...refusal }])).not.toContain(phone)
  }
})
