import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

const start = Date.parse('2026-12-10T10:00:00+08:00')
const day = 24 * 3_600_000

let shop: LivingWorkspace
beforeAll(async () => {
  shop = await livingWorkspace(start)
})
afterAll(() => shop.stop())

test('a date of an entity lets people into an audience and out of it as time passes, though nothing happens', async () => {
  const isIn = async (userId: string) => (await shop.portraitOf(userId)).audiences
  await shop.api.call('PUT', '/api/entities/coupon/K2', { attributes: { ends: '2026-12-31T00:00:00+08:00' } })
  await shop.api.call('PUT', '/api/entities/coupon/K3', { attributes: { ends: '2027-06-30' } })
  const where = [{ item: 'coupon.ends', withinNext: '3d' }]
  await shop.api.call('PUT', '/api/audiences/ending', { zh: '快到期', rule: { event: 'Coupon Received', where } })
  await shop.send(
    { userId: 'lin', event: 'Coupon Received', properties: { coupon_id: 'K2' } },
    { userId: 'chen', event: 'Coupon Received', properties: { coupon_id: 'K3' } },
  )
  await shop.flush()
  const ends = Date.parse('2026-12-31T00:00:00+08:00')
  for (const [at, expected] of [
    [start, []],
    [ends - 3 * day - 1, []],
    [ends - 3 * day, ['ending']],
    [ends - 1, ['ending']],
    [ends, []],
  ] as const) {
    shop.now = at
    await shop.flush()
    expect([await isIn('lin'), await isIn('chen')], new Date(at).toISOString()).toEqual([expected, []])
  }
})
