import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Permission } from '../src/access/caller.ts'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

const start = Date.parse('2026-12-10T10:00:00+08:00')
const hour = 3_600_000
const day = 24 * hour

let shop: LivingWorkspace
const ids: Record<string, string> = {}
beforeAll(async () => {
  shop = await livingWorkspace(start)
  const people = Array.from({ length: 12 }, (_, n) => n + 1)
  await shop.send(
    ...people.map(n => ({
      type: 'identify',
      userId: `u${n}`,
      traits: {
        city: n <= 6 ? '上海' : '北京',
        note: n === 1 ? '=HYPERLINK("x")' : 'plain, text',
        phone: `1990000${String(n).padStart(4, '0')}`,
      },
    })),
    ...people.flatMap(n => Array.from({ length: n }, () => ({ userId: `u${n}`, event: 'Order Completed', properties: { total: n * 10 } }))),
  )
  await shop.api.call('PUT', '/api/tags/spender', {
    zh: '消费',
    kind: 'rule',
    values: [
      { value: 'high', rule: { event: 'Order Completed', sum: { prop: 'total', gte: 640 } } },
      { value: 'low', rule: { event: 'Order Completed' } },
    ],
  })
  await shop.api.call('PUT', '/api/audiences/shanghai', { zh: '上海', rule: { trait: 'city', eq: '上海' } })
  await shop.api.call('PUT', '/api/audiences/buyers', {
    zh: '近期购买',
    rule: { event: 'Order Completed', within: '2d', count: { gte: 5 } },
  })
  await shop.flush()
  for (const n of people) ids[`u${n}`] = (await shop.portraitOf(`u${n}`)).id
})
afterAll(() => shop.stop())

const idsOf = (...users: number[]) => users.map(n => ids[`u${n}`]).sort((a, b) => Number(a) - Number(b))
const get = <T = Record<string, unknown>>(path: string) => shop.api.call<T>('GET', path)

async function fileOf(path: string, permissions: Permission[]): Promise<string> {
  const { key } = await shop.api.call<{ key: string }>('POST', '/api/keys', { name: 'export', permissions })
  const answer = await fetch(`${shop.zhike.url}${path}`, { headers: { authorization: `Bearer ${key}` } })
  expect(answer.status).toBe(200)
  return Buffer.from(await answer.arrayBuffer()).toString()
}

test('two audiences share whom they share', async () => {
  expect(await get('/api/audiences/shanghai/overlap?with=buyers')).toMatchObject({
    size: 6,
    total: 12,
    overlaps: [{ kind: 'audience', key: 'buyers', count: 8, both: 2, jaccard: 2 / 12, index: 50 }],
  })
})

test('an audience overlaps with every value of every tag', async () => {
  expect(await get('/api/audiences/shanghai/overlap')).toMatchObject({
    overlaps: [
      { kind: 'tag', key: 'spender', value: 'low', count: 7, both: 6, index: 171.4 },
      { kind: 'tag', key: 'spender', value: 'high', count: 5, both: 0, jaccard: 0, index: 0 },
    ],
  })
})

test('a composition counts tags and traits against everybody, and hides groups that are too small', async () => {
  const all = await get('/api/audiences/buyers/composition?least=0')
  expect(all).toMatchObject({
    size: 8,
    total: 12,
    tags: [
      {
        key: 'spender',
        values: [
          { value: 'low', members: 3 },
          { value: 'high', members: 5, share: 0.625, everybody: 5, index: 150 },
        ],
      },
    ],
  })
  expect(all.traits).toContainEqual({
    key: 'city',
    values: [
      { value: '上海', members: 2, share: 0.25, everybody: 6, index: 50 },
      { value: '北京', members: 6, share: 0.75, everybody: 6, index: 150 },
    ],
  })
  expect(JSON.stringify(all)).not.toContain('1990000')
  expect(await get('/api/audiences/buyers/composition?least=6&traits=city')).toMatchObject({
    tags: [],
    traits: [{ values: [{ value: '北京' }] }],
  })
  await expect(get('/api/audiences/buyers/composition?traits=phone')).rejects.toMatchObject({ status: 422 })
})

test('an export is masked and safe to open; who may see personal data gets it, and it is audited', async () => {
  const path = '/api/audiences/shanghai/export?columns=id,identifiers.phone,traits.city,traits.note,tags.spender'
  const masked = (await fileOf(path, ['read'])).split('\r\n')
  expect(masked[0]).toBe('\uFEFFid,identifiers.phone,traits.city,traits.note,tags.spender')
  expect(masked).toHaveLength(8)
  expect(masked).toContain(`${ids.u1},'+86199****0001,上海,"'=HYPERLINK(""x"")",low`)
  expect(masked).toContain(`${ids.u2},'+86199****0002,上海,"plain, text",low`)
  const clear = (await fileOf(`${path}&format=ndjson`, ['read', 'personal'])).trim().split('\n')
  expect(clear.map(line => JSON.parse(line) as object)).toContainEqual({
    id: ids.u1,
    'identifiers.phone': '+8619900000001',
    'traits.city': '上海',
    'traits.note': '=HYPERLINK("x")',
    'tags.spender': 'low',
  })
  const { entries } = await get<{ entries: { did: string; details: object }[] }>('/api/audit')
  const exports = entries.filter(({ did }) => did === 'audience.export').map(({ details }) => details)
  expect(exports).toMatchObject([{ personal: true, format: 'ndjson' }, { personal: false }])
  await expect(get('/api/audiences/shanghai/export?columns=tags.nobody')).rejects.toMatchObject({ status: 422 })
})

test('the first n by a metric are in, as of each run, and equal ones go by their id', async () => {
  const top = {
    zh: '前三',
    rule: { trait: 'city', eq: '北京' },
    refresh: { every: '1h' },
    limit: { n: 3, by: { event: 'Order Completed', sum: { prop: 'total' } } },
  }
  const drafts = {
    top,
    few: { ...top, limit: { n: 2, by: { event: 'Page Viewed', count: true } } },
    lowest: { ...top, limit: { ...top.limit, order: 'asc' } },
    more: { ...top, limit: { ...top.limit, n: 100 } },
  }
  // One after the other: some come while others are being worked out.
  for (const [key, draft] of Object.entries(drafts)) await shop.api.call('PUT', `/api/audiences/${key}`, draft)
  await shop.flush()
  const members = async (key: string) => (await get<{ members: string[] }>(`/api/audiences/${key}/members`)).members
  expect(await members('top')).toEqual(idsOf(10, 11, 12))
  expect(await members('lowest')).toEqual(idsOf(7, 8, 9))
  expect(await members('few')).toEqual(idsOf(7, 8, 9, 10, 11, 12).slice(0, 2))
  expect(await members('more')).toEqual(idsOf(7, 8, 9, 10, 11, 12))
  await shop.send({ userId: 'u7', event: 'Order Completed', properties: { total: 100_000 } })
  await shop.flush()
  expect(await members('top')).toEqual(idsOf(10, 11, 12))
  shop.now += hour
  await shop.flush()
  expect(await members('top')).toEqual(idsOf(7, 11, 12))
  await expect(shop.api.call('PUT', '/api/audiences/now', { ...top, refresh: 'realtime' })).rejects.toMatchObject({ status: 422 })
})

test('who was in at a moment can be looked at, and kept', async () => {
  const before = new Date(start).toISOString()
  shop.now = start + 3 * day
  await shop.flush()
  expect(await get('/api/audiences/buyers')).toMatchObject({ count: 0 })
  expect(await get(`/api/audiences/buyers/snapshot?at=${before}`)).toMatchObject({ count: 8, members: idsOf(5, 6, 7, 8, 9, 10, 11, 12) })
  await shop.api.call('POST', '/api/audiences/buyers/snapshot', { at: before, as: 'buyers_then', zh: '当时的购买者' })
  await shop.flush()
  expect(await get('/api/audiences/buyers_then')).toMatchObject({ count: 8, document: { refresh: 'frozen', at: before } })
  const later = new Date(shop.now + 1).toISOString()
  await expect(get(`/api/audiences/buyers/snapshot?at=${later}`)).rejects.toMatchObject({ status: 422 })
})

test('its size has a history, by hour and by day of the workspace', async () => {
  const { sizes } = await get<{ sizes: unknown[] }>('/api/audiences/buyers/history?by=hour')
  expect(sizes).toEqual([
    { at: new Date(start).toISOString(), members: 8, entered: 8, left: 0 },
    { at: new Date(start + 3 * day).toISOString(), members: 0, entered: 0, left: 8 },
  ])
  expect(await get('/api/audiences/buyers/history')).toMatchObject({
    sizes: [
      { at: '2026-12-09T16:00:00.000Z', members: 8 },
      { at: '2026-12-12T16:00:00.000Z', members: 0 },
    ],
  })
})
