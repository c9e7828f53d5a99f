import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

const start = Date.parse('2026-12-10T10:00:00+08:00')
const day = 86_400_000

let clinic: LivingWorkspace
beforeAll(async () => {
  clinic = await livingWorkspace(start)
})
afterAll(() => clinic.stop())

const formatPref = {
  key: 'format_pref',
  zh: '内容形式偏好',
  en: 'Preferred format',
  category: 'interest',
  kind: 'affinity',
  owner: '内容',
  refresh: 'realtime',
  affinity: {
    dimension: 'content_type',
    from: { event: 'Content Viewed', prop: 'content_type', weight: 'progress' },
    half_life: '30d',
    min_events: 5,
    values: ['video', 'article'],
    gte: 0.7,
  },
}
const viewed = (userId: string, content_type: string, progress: number, at = clinic.now) => ({
  userId,
  event: 'Content Viewed',
  properties: { content_type, progress },
  timestamp: new Date(at).toISOString(),
})
const refused = (work: Promise<unknown>, expected: object) =>
  work.then(
    () => expect.fail('it should have been refused'),
    error => expect(error).toMatchObject(expected),
  )

test('the clinic’s preferred format is there once it is clear, and not before five events', async () => {
  await clinic.api.call('PUT', '/api/tags/format_pref', formatPref)
  await clinic.send(...['video', 'video', 'video', 'live'].map(type => viewed('lin', type, type === 'live' ? 0.5 : 0.9)))
  await clinic.flush()
  expect(await clinic.portraitOf('lin')).toMatchObject({ tags: {} })
  await clinic.send(viewed('lin', 'article', 0.1))
  await clinic.flush()
  const { tags } = await clinic.api.call<{ tags: object[] }>('GET', '/api/profiles/user_id/lin')
  // 2.7 of 3.3: the live one counts in the whole although it is no value of the tag.
  expect(tags).toMatchObject([{ key: 'format_pref', value: 'video', score: 0.818182 }])
  expect(await clinic.api.call('GET', '/api/tags/format_pref')).toMatchObject({ count: 1, values: [{ value: 'video', count: 1 }] })
})

test('a dimension that a tag defines can be asked for in rules; a strength falls due by itself', async () => {
  const affinity = { dimension: 'content_type', value: 'video' }
  await clinic.api.call('PUT', '/api/audiences/video_lovers', { zh: '爱看视频', rule: { affinity, gte: 0.8, strength: { gte: 0.4 } } })
  await clinic.flush()
  expect(await clinic.portraitOf('lin')).toMatchObject({ audiences: ['video_lovers'] })
  // 2.7 · 2^(−Δ/30 d) falls below 2, whose strength is 0.4, after 30 d · log2(1.35).
  const falls = start + 30 * day * Math.log2(2.7 / 2)
  clinic.now = Math.floor(falls) - 1
  await clinic.flush()
  expect(await clinic.portraitOf('lin')).toMatchObject({ audiences: ['video_lovers'] })
  clinic.now = Math.ceil(falls) + 2
  await clinic.flush()
  expect(await clinic.portraitOf('lin')).toMatchObject({ tags: { format_pref: 'video' }, audiences: [] })
  await refused(
    clinic.api.call('PUT', '/api/audiences/other', { zh: '其他', rule: { affinity: { dimension: 'nothing', value: 'x' }, gte: 0.1 } }),
    {
      status: 422,
      details: [{ path: 'rule' }],
    },
  )
  await refused(clinic.api.call('DELETE', '/api/tags/format_pref'), { status: 409, details: [{ path: 'audience video_lovers' }] })
})

test('a dimension of its own is named by tags, which follow when it changes', async () => {
  const dimension = { zh: '品类', from: { event: 'Product Viewed', prop: 'category' }, half_life: '14d' }
  const tag = { zh: '偏好品类', kind: 'affinity', affinity: { dimension: 'category', top: 2, gte: 0.2 } }
  await refused(clinic.api.call('PUT', '/api/tags/favourites', tag), { status: 422, details: [{ path: 'affinity.dimension' }] })
  expect(await clinic.api.call('PUT', '/api/dimensions/category', dimension)).toMatchObject({
    version: 1,
    warnings: [{ path: 'from.event' }],
  })
  await clinic.api.call('PUT', '/api/tags/favourites', tag)
  const view = (category: string) => ({ userId: 'chen', event: 'Product Viewed', properties: { category } })
  await clinic.send(...['photo', 'photo', 'photo', 'acne', 'acne', 'goods'].map(view))
  await clinic.flush()
  expect(await clinic.portraitOf('chen')).toMatchObject({ tags: { favourites: ['photo', 'acne'] } })
  await clinic.api.call('PUT', '/api/dimensions/category', { ...dimension, values: ['acne'] })
  await clinic.flush()
  expect(await clinic.portraitOf('chen')).toMatchObject({ tags: { favourites: ['acne'] } })
  expect(await clinic.api.call('GET', '/api/dimensions')).toMatchObject({
    dimensions: [{ key: 'category', version: 2, usedBy: [{ kind: 'tag', key: 'favourites' }] }],
  })
  await refused(clinic.api.call('DELETE', '/api/dimensions/category'), { status: 409, details: [{ path: 'tag favourites' }] })
  const own = { ...formatPref, key: undefined, affinity: { ...formatPref.affinity, dimension: 'category' } }
  await refused(clinic.api.call('PUT', '/api/tags/another', own), { status: 422, code: 'dimension-defined' })
})

test('quantiles are as of their run, and the next run on schedule moves them', async () => {
  const people = ['a', 'b', 'c', 'd']
  const pay = (userId: string, total: number) => ({ userId, event: 'Order Completed', properties: { total } })
  await clinic.send(...people.map((userId, index) => pay(userId, 100 * (index + 1))))
  await clinic.flush()
  const document = {
    zh: '消费分位',
    kind: 'metric',
    metric: { event: 'Order Completed', within: '365d', avg: { prop: 'total' } },
    buckets: { quantiles: 2, labels: ['low', 'high'] },
    refresh: { daily: '03:00' },
  }
  await refused(clinic.api.call('PUT', '/api/tags/monetary', { ...document, refresh: 'realtime' }), { status: 422 })
  await clinic.api.call('PUT', '/api/tags/monetary', document)
  await clinic.flush()
  const levels = () => Promise.all(people.map(async one => (await clinic.portraitOf(one)).tags.monetary))
  expect(await levels()).toEqual(['low', 'low', 'high', 'high'])
  await clinic.send(pay('a', 100_000))
  await clinic.flush()
  expect(await levels()).toEqual(['low', 'low', 'high', 'high'])
  clinic.now += day
  await clinic.flush()
  expect(await levels()).toEqual(['high', 'low', 'low', 'high'])
  expect(await clinic.api.call('GET', '/api/tags/monetary')).toMatchObject({ count: 4, lastRun: new Date(clinic.now).toISOString() })
})

test('what reads a run is worked out after it: when both are defined, and whenever it runs', async () => {
  const pay = (userId: string, total: number) => ({ userId, event: 'Deposit Paid', properties: { total } })
  await clinic.send(pay('e', 10), pay('f', 20))
  await clinic.flush()
  const metric = (of: object) => ({
    zh: '分位',
    kind: 'metric',
    metric: { event: 'Deposit Paid', onlyWhoDid: true, ...of },
    buckets: { quantiles: 2, labels: ['low', 'high'] },
    refresh: { daily: '03:00' },
  })
  const best = { zh: '高', kind: 'rule', values: [{ value: true, rule: { tag: 'deposits', eq: 'high' } }] }
  const rule = { all: [{ tag: 'best' }, { tag: 'deposit_count', exists: true }] }
  await clinic.api.call('POST', '/api/definitions/apply', {
    definitions: [
      { kind: 'audience', key: 'best_ones', document: { zh: '高', rule, refresh: { daily: '03:00' } } },
      { kind: 'tag', key: 'best', document: best },
      { kind: 'tag', key: 'deposits', document: metric({ sum: { prop: 'total' } }) },
      { kind: 'tag', key: 'deposit_count', document: metric({ count: true }) },
    ],
  })
  await clinic.flush()
  const portraits = () => Promise.all(['e', 'f'].map(one => clinic.portraitOf(one)))
  expect(await portraits()).toMatchObject([
    { tags: { deposits: 'low' }, audiences: [] },
    { tags: { deposits: 'high', best: true }, audiences: ['best_ones'] },
  ])
  await clinic.send(pay('e', 100))
  await clinic.flush()
  expect(await portraits()).toMatchObject([{ tags: { deposits: 'low' } }, { tags: { deposits: 'high', best: true } }])
  clinic.now += day
  await clinic.flush()
  expect(await portraits()).toMatchObject([
    { tags: { deposits: 'high', best: true }, audiences: ['best_ones'] },
    { tags: { deposits: 'low' }, audiences: [] },
  ])
  const changes = await clinic.zhike.core.stores.postgres.query<{ changes: number }>(
    `select count(*)::integer as changes from transitions t cross join jsonb_array_elements(t.changes::jsonb) change
       join definitions d on d.id = (change ->> 0)::integer where d.key = 'best'`,
  )
  expect(changes).toEqual([{ changes: 2 }])
})

test('a template is filled in and its tags are defined as they come', async () => {
  const { templates } = await clinic.api.call<{ templates: { key: string; parameters: { name: string }[] }[] }>(
    'GET',
    '/api/tags/templates?preset=clinic',
  )
  expect(templates.map(({ key }) => key)).toContain('frequent_skincare')
  expect(templates.find(({ key }) => key === 'recency')?.parameters).toMatchObject([
    { name: 'order', value: 'Order Completed' },
    { name: 'days' },
  ])
  const filled = await clinic.api.call<{ documents: { key: string }[] }>('POST', '/api/tags/templates/recency', {
    preset: 'clinic',
    parameters: { days: [7, 30] },
  })
  for (const document of filled.documents) await clinic.api.call('PUT', `/api/tags/${document.key}`, document)
  await clinic.flush()
  expect(await clinic.portraitOf('a')).toMatchObject({ tags: { recency: '0-7' } })
  clinic.now += 7 * day
  await clinic.flush()
  expect(await clinic.portraitOf('a')).toMatchObject({ tags: { recency: '7-30' } })
  await refused(clinic.api.call('POST', '/api/tags/templates/recency', { parameters: { day: 1 } }), {
    status: 422,
    details: [{ path: 'day' }],
  })
})
