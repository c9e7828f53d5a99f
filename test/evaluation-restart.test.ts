import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

let shop: LivingWorkspace
beforeAll(async () => {
  // What is broken on purpose is told again and again.
  shop = await livingWorkspace(Date.parse('2026-12-10T10:00:00+08:00'), {}, 'fatal')
})
afterAll(() => shop.stop())

const buyer = { zh: '买家', kind: 'rule', values: [{ value: true, rule: { event: 'Order Completed' } }] }
const people = Array.from({ length: 300 }, (_, index) => `user-${index}`)

test('a fill that a stop interrupts is finished after the start', async () => {
  await shop.send(...people.map(userId => ({ userId, event: 'Order Completed' })))
  await shop.flush()
  await shop.api.call('PUT', '/api/tags/buyer', buyer)
  await shop.restart()
  await shop.flush()
  expect(await shop.api.call('GET', '/api/tags/buyer')).toMatchObject({ count: people.length, filling: null })
  expect(await transitions()).toEqual([])
})

test('what was decided when ClickHouse did not take it comes there after the start, and once', async () => {
  const { clickhouse, postgres } = shop.zhike.core.stores
  await clickhouse.command('rename table memberships to memberships_away')
  await shop.send({ userId: 'late', event: 'Order Completed' })
  await decided()
  expect(await postgres.query('select count(*) as n from evaluation_ticks')).toEqual([{ n: 1 }])
  await shop.send({ userId: 'later', event: 'Order Completed' })
  await sleep(300)
  // Nothing is decided on top of what did not arrive.
  expect((await transitions()).length).toBe(1)
  await shop.zhike.core.stores.clickhouse.command('rename table memberships_away to memberships')
  await shop.restart()
  await shop.flush()
  expect(await shop.api.call('GET', '/api/tags/buyer')).toMatchObject({ count: people.length + 2 })
  expect(await transitions()).toEqual([
    { cause: 'event', value: true },
    { cause: 'event', value: true },
  ])
  expect(await shop.zhike.core.stores.postgres.query('select count(*) as n from evaluation_ticks')).toEqual([{ n: 0 }])
})

test('once ClickHouse takes ticks again, evaluation goes on by itself', async () => {
  const { clickhouse } = shop.zhike.core.stores
  const before = (await transitions()).length
  await clickhouse.command('rename table memberships to memberships_away')
  await shop.send({ userId: 'in-trouble', event: 'Order Completed' })
  while (!(await isInTrouble())) await sleep(20)
  await clickhouse.command('rename table memberships_away to memberships')
  await shop.send({ userId: 'afterwards', event: 'Order Completed' })
  await shop.flush()
  expect((await transitions()).length).toBe(before + 2)
  expect(await shop.api.call('GET', '/api/tags/buyer')).toMatchObject({ count: people.length + 4 })
  expect(await isInTrouble()).toBe(false)
})

async function isInTrouble(): Promise<boolean> {
  return (await fetch(`${shop.zhike.url}/ready`)).status === 503
}

async function transitions(): Promise<object[]> {
  return shop.zhike.core.stores.postgres.query(`select cause, changes::json -> 0 -> 2 as value from transitions order by last`)
}

async function decided(): Promise<void> {
  while ((await transitions()).length === 0) await sleep(20)
}
