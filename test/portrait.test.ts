import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

const start = Date.parse('2026-12-10T10:00:00+08:00')
const minute = 60_000
const day = 24 * 60 * minute

let shop: LivingWorkspace
beforeAll(async () => {
  shop = await livingWorkspace(start)
})
afterAll(() => shop.stop())

const lifecycle = {
  zh: '生命周期',
  en: 'Lifecycle',
  category: 'lifecycle',
  kind: 'rule',
  values: [
    { value: 'prospect', rule: { event: 'Order Completed', count: { eq: 0 } } },
    { value: 'active', rule: { event: 'Order Completed', within: '120d' } },
    { value: 'dormant', rule: { event: 'Order Completed', count: { gte: 1 } } },
  ],
}

test('a tag is there for whoever was known before it, and for whoever comes after', async () => {
  await shop.send({ userId: 'lin', event: 'Page Viewed' }, { userId: 'chen', event: 'Order Completed', properties: { total: 100 } })
  await shop.flush()
  expect(await shop.portraitOf('lin')).toMatchObject({ tags: {}, audiences: [] })
  await shop.api.call('PUT', '/api/tags/lifecycle', lifecycle)
  await shop.flush()
  expect(await shop.portraitOf('lin')).toMatchObject({ tags: { lifecycle: 'prospect' } })
  expect(await shop.portraitOf('chen')).toMatchObject({ tags: { lifecycle: 'active' } })
  await shop.send({ userId: 'wang', event: 'Page Viewed' }, { userId: 'lin', event: 'Order Completed', properties: { total: 5 } })
  await shop.flush()
  expect(await shop.portraitOf('wang')).toMatchObject({ tags: { lifecycle: 'prospect' } })
  expect(await shop.portraitOf('lin')).toMatchObject({ tags: { lifecycle: 'active' } })
  expect(await shop.api.call('GET', '/api/tags/lifecycle')).toMatchObject({
    count: 3,
    values: [
      { value: 'active', count: 2 },
      { value: 'prospect', count: 1 },
    ],
    filling: null,
    usedBy: [],
  })
})

test('an audience on a tag follows the tag, and both follow the clock', async () => {
  await shop.api
    .call('PUT', '/api/audiences/lost', { zh: '流失', rule: { all: [{ tag: 'lifecycle', eq: 'dormant' }, { not: { tag: 'vip' } }] } })
    .then(
      () => expect.fail('a tag that nobody has is refused'),
      error => expect(error).toMatchObject({ status: 422, details: [{ path: 'rule.all[1].not' }] }),
    )
  await shop.api.call('PUT', '/api/audiences/lost', { zh: '流失', rule: { tag: 'lifecycle', eq: 'dormant' } })
  await shop.flush()
  expect(await shop.portraitOf('lin')).toMatchObject({ audiences: [] })
  shop.now = start + 120 * day - 1
  await shop.flush()
  expect(await shop.portraitOf('lin')).toMatchObject({ tags: { lifecycle: 'active' }, audiences: [] })
  shop.now += 1
  await shop.flush()
  expect(await shop.portraitOf('lin')).toMatchObject({ tags: { lifecycle: 'dormant' }, audiences: ['lost'] })
  expect(await shop.api.call('GET', '/api/audiences/lost/members')).toMatchObject({ members: [expect.any(String), expect.any(String)] })
  await shop.api.call('DELETE', '/api/tags/lifecycle').then(
    () => expect.fail('a tag that is used is not deleted'),
    error => expect(error).toMatchObject({ status: 409, details: [{ path: 'audience lost' }] }),
  )
})
