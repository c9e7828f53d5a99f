import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

const start = Date.parse('2026-12-10T10:00:00+08:00')
const day = 86_400_000

let shop: LivingWorkspace
beforeAll(async () => {
  shop = await livingWorkspace(start)
  const relations = {
    viewed: {
      zh: '浏览过',
      from: [
        { event: 'Product Viewed', prop: 'product_id', kind: 'product' },
        { event: 'Product Viewed', prop: 'category', kind: 'category', weight: 0.5 },
        { event: 'Content Viewed', prop: 'content_id', kind: 'content', weight: 'progress', where: [{ prop: 'progress', gte: 0.2 }] },
      ],
      half_life: '10d',
    },
    bought: { zh: '买过', from: { event: 'Order Completed', prop: 'products[].sku', kind: 'product', weight: 3 }, half_life: '10d' },
    treated: { zh: '治疗过', from: { event: 'Treatment Performed', prop: 'product_id', kind: 'product' }, half_life: '90d' },
  }
  for (const [key, document] of Object.entries(relations)) await shop.api.call('PUT', `/api/relations/${key}`, document)
  await shop.api.call('PUT', '/api/dictionary/events/Treatment%20Performed', { sensitive: 'medical_profile' })
  const viewed = (userId: string, product_id: string | number, at = start) => ({
    userId,
    event: 'Product Viewed',
    properties: { product_id, category: 'photo' },
    timestamp: new Date(at).toISOString(),
  })
  await shop.send(
    viewed('lin', 'P1', start - 10 * day),
    viewed('lin', 'P1'),
    viewed('lin', 77),
    { userId: 'lin', event: 'Content Viewed', properties: { content_id: 'C1', progress: 0.1 } },
    { userId: 'lin', event: 'Content Viewed', properties: { content_id: 'C2', progress: 0.8 } },
    { userId: 'lin', event: 'Order Completed', properties: { products: [{ sku: 'P1' }, { sku: 'P3' }] } },
    { userId: 'lin', event: 'Treatment Performed', properties: { product_id: 'P9' } },
    { anonymousId: 'device', event: 'Product Viewed', properties: { product_id: 'P1' } },
    { userId: 'chen', anonymousId: 'device', event: 'Product Viewed', properties: { product_id: 'P5' } },
  )
  await shop.flush()
})
afterAll(() => shop.stop())

test('a person’s neighbours are what the events name, less with time, the strongest first', async () => {
  const { id } = await shop.portraitOf('lin')
  const { neighbours } = await shop.api.call<{ neighbours: object[] }>('GET', `/api/profiles/${id}/graph`)
  const at = new Date(start).toISOString()
  expect(neighbours).toEqual([
    { relation: 'bought', kind: 'product', id: 'P1', weight: 3, last: at, count: 1 },
    { relation: 'bought', kind: 'product', id: 'P3', weight: 3, last: at, count: 1 },
    { relation: 'viewed', kind: 'product', id: 'P1', weight: 1.5, last: at, count: 2 },
    { relation: 'viewed', kind: 'category', id: 'photo', weight: 1.25, last: at, count: 3 },
    { relation: 'viewed', kind: 'product', id: '77', weight: 1, last: at, count: 1 },
    { relation: 'viewed', kind: 'content', id: 'C2', weight: 0.8, last: at, count: 1 },
  ])
  const strongest = await shop.api.call('GET', `/api/profiles/${id}/graph?relation=bought&limit=1`)
  expect(strongest).toMatchObject({ neighbours: [{ id: 'P1' }] })
})

test('what needs a consent is there for who gave it, and in nobody’s list of people', async () => {
  const { id } = await shop.portraitOf('lin')
  expect(await shop.api.call('GET', `/api/profiles/${id}/graph?relation=treated`)).toMatchObject({ neighbours: [] })
  await shop.send({ type: 'identify', userId: 'lin', context: { consent: { categoryPreferences: { medical_profile: true } } }, traits: {} })
  await shop.flush()
  expect(await shop.api.call('GET', `/api/profiles/${id}/graph?relation=treated`)).toMatchObject({ neighbours: [{ id: 'P9', count: 1 }] })
  expect(await shop.api.call('GET', '/api/graph/product/P9')).toMatchObject({ people: 0, nearest: [] })
})

test('an entity knows the people nearest to it, and what they are near to as well', async () => {
  const [lin, chen] = [(await shop.portraitOf('lin')).id, (await shop.portraitOf('chen')).id]
  expect(await shop.api.call('GET', '/api/graph/product/P1?limit=3')).toMatchObject({
    people: 2,
    nearest: [
      { profile: lin, weight: 4.5, count: 3 },
      { profile: chen, weight: 1, count: 1 },
    ],
    asked: 2,
    beside: [
      { kind: 'product', id: 'P3', people: 1, weight: 3 },
      { kind: 'category', id: 'photo', people: 1, weight: 1.25 },
      { kind: 'product', id: '77', people: 1, weight: 1 },
    ],
  })
  expect(await shop.api.call('GET', '/api/graph/product/77')).toMatchObject({ people: 1, nearest: [{ profile: lin }] })
  expect(await shop.api.call('GET', '/api/graph/product/P1?relation=bought')).toMatchObject({ people: 1 })
  expect(await shop.api.call('GET', '/api/graph/product/nothing')).toMatchObject({ people: 0, nearest: [], beside: [] })
})

test('a relation is a dimension for affinities, as a whole and by kind of entity', async () => {
  const affinity = { dimension: 'viewed.product', value: 'P1' }
  await shop.api.call('PUT', '/api/audiences/p1', { zh: '偏好 P1', rule: { affinity, gte: 0.6 } })
  await shop.api.call('PUT', '/api/tags/looks_at', { zh: '在看', kind: 'affinity', affinity: { dimension: 'viewed', top: 2 } })
  await shop.flush()
  // 1.5 of 2.5 products; of everything viewed the category weighs 1.25 and P1 1.5.
  expect(await shop.portraitOf('lin')).toMatchObject({ tags: { looks_at: ['P1', 'photo'] }, audiences: ['p1'] })
  expect(await shop.api.call('GET', '/api/relations/viewed')).toMatchObject({
    usedBy: [
      { kind: 'audience', key: 'p1' },
      { kind: 'tag', key: 'looks_at' },
    ],
  })
})

test('everything that the workspace answers is described validly', async () => {
  const description = await shop.api.call<object>('GET', '/api/openapi.json')
  expect((await new Validator().validate(description as Record<string, unknown>)).errors).toBeUndefined()
})
