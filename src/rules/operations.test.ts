import { OpenAPIHono } from '@hono/zod-openapi'
import { expect, it } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { openDictionary } from '../dictionary/dictionary.ts'
import { keysFrom } from '../privacy/keys.ts'
import { describe } from './describe.ts'
import type { NaiveWorld } from './naive.fixture.ts'
import { countOf, explain, membersOf, sampleOf, streamOf } from './operations.ts'
import { parseRule } from './parse.ts'
import { rulesRoutes } from './routes.ts'
import { contextOf, store } from './world.fixture.ts'

const { clickhouse, postgres } = await testStores()
const now = Date.parse('2026-10-01T09:00:00+08:00')
const world: NaiveWorld = {
  zone: 'Asia/Shanghai',
  events: Array.from({ length: 10 }, (_, index) => ({
    leaf: index + 1,
    ts: now - (index + 1) * 3_600_000,
    position: index + 1,
    event: 'Product Viewed',
    props: { price: (index + 1) * 1000 },
    context: {},
  })),
  traits: [
    { leaf: 1, ts: now - 1, position: 20, key: 'level', value: 'gold' },
    { leaf: 2, ts: now - 1, position: 21, key: 'level', value: 'gold' },
  ],
  consents: [{ leaf: 1, ts: now - 1, position: 30, purpose: 'medical', given: true }],
  roots: new Map([[10, 9]]),
  sensitive: new Map([['trait:level', 'medical']]),
}
const rule = parseRule({
  any: [
    { event: 'Product Viewed', where: [{ prop: 'price', gte: 8000 }], count: { gte: 1 } },
    { trait: 'level', eq: 'gold' },
  ],
})
const context = contextOf(world, now)
await store(clickhouse, world)

it('a count has the total, each part, and who was left out', async () => {
  expect(await countOf(clickhouse, rule, context)).toEqual({
    count: 3,
    total: 9,
    unknown: 6,
    branches: [
      { path: '', count: 3, unknown: 6 },
      { path: 'any[0]', count: 2, unknown: 0 },
      { path: 'any[1]', count: 1, unknown: 8 },
    ],
  })
})

it('members come in pages, all as of the moment of the first', async () => {
  const first = await membersOf(clickhouse, rule, context, 2)
  expect(first.members).toEqual([1, 8])
  const later = { ...context, now: now - 9 * 3_600_000 }
  expect(await membersOf(clickhouse, rule, later, 2, first.next)).toEqual({ members: [9] })
  const streamed: number[] = []
  for await (const profile of streamOf(clickhouse, rule, context)) streamed.push(profile)
  expect(streamed.sort()).toEqual([1, 8, 9])
  expect((await sampleOf(clickhouse, rule, context, 2, 1)).length).toBe(2)
  await expect(membersOf(clickhouse, rule, context, 2, 'x')).rejects.toThrow('cursor')
})

it('an explanation says of each part whether it holds, and why; what is unknown stays unseen', async () => {
  const said = await explain(clickhouse, rule, context, 9)
  expect(said).toMatchObject({
    verdict: true,
    parts: [
      { path: 'any[0]', verdict: true, evidence: { count: 2, value: 2 } },
      { verdict: null, needs: ['medical'] },
    ],
  })
  expect(said?.parts?.[1]).not.toHaveProperty('evidence')
  expect((await explain(clickhouse, rule, context, 1))?.parts?.[1]).toMatchObject({ verdict: true, evidence: { value: 'gold' } })
  expect(await explain(clickhouse, rule, context, 99)).toBeUndefined()
})

it('a rule reads as a sentence in the names of the dictionary', () => {
  const entries = [
    { kind: 'event', name: 'Product Viewed', document: { zh: '浏览项目' } },
    { kind: 'trait', name: 'level', document: { zh: '会员等级', en: 'Level', values: { gold: { zh: '金卡', en: 'Gold' } } } },
  ] as const
  const dictionary = entries.map(one => ({ ...one, version: 1, updatedAt: '' }))
  const sentence = describe(
    parseRule({
      all: [
        { event: 'Product Viewed', within: '7d', count: { gte: 2 } },
        { trait: 'level', eq: 'gold' },
      ],
    }),
    dictionary,
  )
  expect(sentence).toEqual({
    zh: '7 天内「浏览项目」 ≥ 2 次,并且「会员等级」 是金卡',
    en: 'in the last 7 days: “浏览项目” ≥ 2 times and “Level” is Gold',
  })
})

it('a sentence calls kinds of entities, their attributes and values as the catalogue does', () => {
  const product = {
    key: 'product',
    zh: '项目',
    en: 'Product',
    namedBy: ['product_id'],
    attributes: { category: { zh: '品类', en: 'category', values: { hydration: { zh: '补水', en: 'hydration care' } } } },
  }
  const parsed = parseRule({
    event: 'Viewed',
    where: [
      { item: 'product.category', eq: 'hydration' },
      { item: 'store.city', exists: true },
    ],
  })
  expect(describe(parsed, [], [product])).toEqual({
    zh: '「Viewed」(「项目」的「品类」 是补水且「store」的「city」 有值)至少 1 次',
    en: '“Viewed” (“category” of “Product” is hydration care and “city” of “store” is there) at least once',
  })
})

it('the routes answer, warn and refuse', async () => {
  const dictionary = await openDictionary(postgres, () => now)
  await dictionary.put({ kind: 'trait', name: 'birthday' }, { personal: true }, { expected: undefined, by: 'test' })
  const app = new OpenAPIHono()
  rulesRoutes(app, {
    clickhouse,
    postgres,
    dictionary,
    keys: keysFrom('0123456789abcdef0123456789abcdef'),
    zone: world.zone,
    asOf: () => now,
  })
  app.onError((error, c) => c.json({ message: error.message, details: 'details' in error ? error.details : [] }, 422))
  const ask = async (path: string, body: object) =>
    (
      await app.request(`/api/rules/${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      })
    ).json()
  const viewed = { event: 'Product Viewed' }
  expect(await ask('count', { rule: viewed })).toMatchObject({
    count: 9,
    total: 9,
    asOf: '2026-10-01T01:00:00.000Z',
    warnings: [{ path: 'event' }],
  })
  expect(await ask('count', { rule: viewed, at: '2026-10-01T07:00:00+08:00' })).toMatchObject({ count: 8, total: 8 })
  expect(await ask('members', { rule: viewed, limit: 3 })).toEqual({ members: ['1', '2', '3'], next: `${now}-3` })
  await postgres.query('insert into leaves (leaf, root, position) values (10, 9, 1)')
  expect(await ask('explain', { rule: viewed, profile: '10' })).toMatchObject({ profile: '9', verdict: true })
  expect(await ask('describe', { rule: viewed })).toMatchObject({ zh: '「Product Viewed」至少 1 次' })
  const { sql, params } = (await ask('sql', { rule: { trait: 'x', eq: "it's" } })) as { sql: string; params: { s: string[] } }
  expect(sql).not.toContain("it's")
  expect(Object.values(params)).toContain("it's")
  expect(await ask('count', { rule: { all: [{ tag: 'vip' }] } })).toMatchObject({
    details: [{ path: 'all[0]', message: expect.stringContaining('unknown tag') }],
  })
  expect(await ask('count', { rule: { trait: 'birthday', startsWith: '19' } })).toMatchObject({ details: [{ path: 'startsWith' }] })
})
