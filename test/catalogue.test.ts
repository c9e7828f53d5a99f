import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiClient, apiClient } from '../src/cli/api-client.ts'
import { run } from '../src/cli/program.ts'
import { configFrom } from '../src/config.ts'
import { createLogger } from '../src/http/logger.ts'
import { type Running, startZhike } from '../src/serve.ts'

let dataDir: string
let zhike: Running
let api: ApiClient
const writeKeys = new Map<string, string>()

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'zhike-catalogue-'))
  chmodSync(dataDir, 0o755)
  zhike = await startZhike(configFrom({ ZHIKE_DATA: dataDir, ZHIKE_PORT: '0' }), createLogger('error'))
  const { apiKey } = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')) as { apiKey: string }
  api = apiClient(zhike.url, apiKey)
  for (const key of ['mini', 'his']) {
    const { writeKey } = await api.call<{ writeKey: string }>('POST', '/api/sources', { key, name: key, kind: 'server' })
    writeKeys.set(key, writeKey)
  }
})
afterAll(async () => {
  await zhike.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function send(source: string, ...messages: object[]): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${writeKeys.get(source)}:`).toString('base64')}`
  const batch = messages.map(one => ({ messageId: crypto.randomUUID(), ...one }))
  const answer = await fetch(`${zhike.url}/v1/batch`, { method: 'POST', headers: { authorization }, body: JSON.stringify({ batch }) })
  expect(answer.status).toBe(200)
}
const viewed = (userId: string, properties: object) => ({ type: 'track', userId, event: 'Product Viewed', properties })
const traitsOf = async (userId: string) =>
  (await api.call<{ traits: Record<string, unknown> }>('GET', `/api/profiles/user_id/${userId}`)).traits
const countOf = async (rule: object) => (await api.call<{ count: number }>('POST', '/api/rules/count', { rule })).count
const viewedItem = (item: string, operators: object) => ({ event: 'Product Viewed', where: [{ item, ...operators }] })

test('a definition says which source wins and which consent a trait mirrors, in profiles and rules alike, from then on', async () => {
  await send('his', { type: 'identify', userId: 'u1', traits: { level: 'gold' } })
  await api.call('POST', '/api/flush')
  await send('mini', { type: 'identify', userId: 'u1', traits: { level: 'normal', agreed: 'yes' } })
  const consent = { consent: { categoryPreferences: { marketing: false } } }
  await send('mini', { type: 'track', userId: 'u1', event: 'Segment Consent Preference Updated', context: consent })
  await send('mini', { type: 'identify', userId: 'u2', traits: { level: 'normal' } })
  await api.call('POST', '/api/flush')
  const gold = { trait: 'level', eq: 'gold' }
  expect([(await traitsOf('u1')).level, await countOf(gold)]).toEqual(['normal', 0])
  await api.call('PUT', '/api/dictionary/traits/level', { zh: '等级', win: ['his', 'mini'] })
  expect([(await traitsOf('u1')).level, await countOf(gold)]).toEqual(['gold', 1])
  await api.call('PUT', '/api/dictionary/traits/agreed', { zh: '同意营销', mirror: 'consents/marketing' })
  expect([(await traitsOf('u1')).agreed, (await traitsOf('u2')).agreed]).toEqual([false, undefined])
  expect(await countOf({ trait: 'agreed', eq: false })).toBe(1)
  expect(await countOf({ trait: 'agreed', ne: true })).toBe(2)
  await expect(countOf({ trait: 'agreed', eq: 'yes' })).rejects.toMatchObject({ code: 'invalid-rule' })
})

test('a file becomes part of the catalogue, and rules ask for what the viewed products are now', async () => {
  const file = join(dataDir, 'products.csv')
  writeFileSync(file, 'id,zh,category,price\nP1,补水,hydration,680\nP2,光子,photo,1280\n7,皮秒,photo,2680\n,无号,photo,1\n')
  const lines: string[] = []
  const context = {
    out: (text: string) => void lines.push(text),
    notes: (text: string) => void lines.push(text),
    environment: { ZHIKE_DATA: dataDir },
    start: startZhike,
    fillDemo: async () => undefined,
    importFiles: async () => 0,
    untilAsked: async () => undefined,
  }
  expect(await run(['import-entities', 'product', file], context, '0')).toBe(5)
  expect(lines).toEqual([`${file}: 3 entities, 3 of them new or changed; 1 rows refused`, expect.stringMatching(/^ {2}line 5: id: /)])
  await send('mini', viewed('u1', { product_id: 'P1' }), viewed('u2', { products: [{ product_id: 'P1' }, { product_id: 7 }] }))
  await send('mini', viewed('u3', { sku: 'P2', note: 'x' }), viewed('u4', { product_id: 'P9' }))
  await api.call('POST', '/api/flush')
  expect(await countOf(viewedItem('product.category', { eq: 'photo' }))).toBe(2)
  expect(await countOf(viewedItem('product.category', { ne: 'photo' }))).toBe(2)
  expect(await countOf(viewedItem('product.price', { gte: 2000 }))).toBe(1)
  expect(await countOf(viewedItem('product.zh', { contains: '补' }))).toBe(2)
  await api.call('PUT', '/api/entities/product/P2', { attributes: { category: 'hydration' } })
  await api.call('DELETE', '/api/entities/product/7')
  await api.call('POST', '/api/flush')
  expect(await countOf(viewedItem('product.category', { eq: 'photo' }))).toBe(0)
  expect(await countOf(viewedItem('product.category', { eq: 'hydration' }))).toBe(3)
  await expect(countOf(viewedItem('shop.city', { eq: 'x' }))).rejects.toMatchObject({
    details: [{ message: expect.stringContaining('advisor, campaign, content') }],
  })
})

test('tags and audiences follow the dictionary and the catalogue, as a full recomputation would', async () => {
  const isIn = async (userId: string) => (await api.call<{ audiences: string[] }>('GET', `/api/profiles/user_id/${userId}`)).audiences
  await api.call('PUT', '/api/audiences/gold', { zh: '金卡', rule: { trait: 'level', eq: 'gold' } })
  await api.call('PUT', '/api/audiences/hydration', { zh: '补水', rule: viewedItem('product.category', { eq: 'hydration' }) })
  await api.call('PUT', '/api/audiences/agreed', { zh: '同意', rule: { trait: 'agreed', eq: false } })
  await api.call('POST', '/api/flush')
  expect([await isIn('u1'), await isIn('u3'), await isIn('u4')]).toEqual([['agreed', 'gold', 'hydration'], ['hydration'], []])
  await api.call('PUT', '/api/dictionary/traits/level', { zh: '等级' })
  await api.call('PUT', '/api/entities/product/P2', { attributes: { category: 'photo' } })
  await api.call('PUT', '/api/entities/product/P9', { attributes: { category: 'hydration' } })
  await api.call('POST', '/api/flush')
  expect([await isIn('u1'), await isIn('u3'), await isIn('u4')]).toEqual([['agreed', 'hydration'], [], ['hydration']])
  await api.call('PUT', '/api/dictionary/traits/level', { zh: '等级', mirror: 'consents/marketing' })
  await api.call('PUT', '/api/audiences/gold', { zh: '金卡', rule: { trait: 'level', eq: false } })
  await api.call('PUT', '/api/entity-kinds/product', { namedBy: ['sku'] })
  await api.call('POST', '/api/flush')
  expect([await isIn('u1'), await isIn('u4')]).toEqual([['agreed', 'gold'], []])
  const consent = { consent: { categoryPreferences: { marketing: true } } }
  await send('mini', { type: 'track', userId: 'u1', event: 'Segment Consent Preference Updated', context: consent })
  await api.call('POST', '/api/flush')
  expect(await isIn('u1')).toEqual([])
  await api.call('DELETE', '/api/entity-kinds/product')
  await api.call('PUT', '/api/entity-kinds/room', { namedBy: ['room_id'] })
  await api.call('PUT', '/api/audiences/rooms', { zh: '诊室', rule: viewedItem('room.floor', { eq: 1 }) })
  await expect(api.call('DELETE', '/api/entity-kinds/room')).rejects.toMatchObject({
    code: 'in-use',
    details: [{ path: 'audience rooms' }],
  })
  await api.call('PUT', '/api/dictionary/traits/level', { zh: '等级' })
})

test('who builds a rule is offered what came: names, types and values, none of them personal or sensitive', async () => {
  const scores = Array.from({ length: 30 }, (_, n) =>
    viewed(`s${n}`, {
      product_id: n % 3 ? 'P1' : 'P2',
      order: `o-${n}`,
      phone: '19900001234',
      skin: 'dry',
      list: ['a', n % 2 ? 'b' : 'c'],
    }),
  )
  await send('mini', ...scores)
  await api.call('POST', '/api/flush')
  await api.call('PUT', '/api/dictionary/events/Product%20Viewed', { zh: '浏览项目' })
  await api.call('PUT', '/api/dictionary/events/Product%20Viewed/properties/skin', {
    sensitive: 'medical',
    values: { dry: { zh: '干性' } },
  })
  await api.call('PUT', '/api/dictionary/properties/product_id', {
    zh: '项目',
    type: 'string',
    values: { P1: { zh: '补水' }, P8: { zh: '八' } },
  })
  type Shown = { path: string; key: string; values: { value: unknown; count?: number; zh?: string }[]; types: object; zh?: string }
  const { events } = await api.call<{ events: { name: string; zh?: string; count: number }[] }>('GET', '/api/catalogue/events')
  expect(events.find(({ name }) => name === 'Product Viewed')).toMatchObject({ zh: '浏览项目', count: 34 })
  const { properties } = await api.call<{ properties: Shown[] }>('GET', '/api/catalogue/events/Product%20Viewed/properties')
  const valuesOf = Object.fromEntries(properties.map(({ path, values }) => [path, values]))
  expect(valuesOf.product_id).toEqual([
    { value: 'P1', zh: '补水', count: 21 },
    { value: 'P2', count: 10 },
    { value: 'P9', count: 1 },
    { value: 'P8', zh: '八' },
  ])
  expect(valuesOf['products[].product_id']).toEqual([
    { value: 'P1', count: 1 },
    { value: 7, count: 1 },
  ])
  expect(valuesOf.list).toMatchObject([{ value: 'a', count: 30 }, { count: 15 }, { count: 15 }])
  expect(valuesOf.skin).toEqual([{ value: 'dry', zh: '干性' }])
  expect([valuesOf.phone, valuesOf.order, valuesOf.note]).toEqual([[], [], []])
  expect(properties.find(({ path }) => path === 'product_id')).toMatchObject({ zh: '项目', type: 'string', types: { text: 32 } })
  const { traits } = await api.call<{ traits: Shown[] }>('GET', '/api/catalogue/traits')
  expect(traits.map(({ key, values }) => [key, values])).toEqual([
    ['agreed', []],
    ['level', [{ value: 'normal', count: 2 }]],
  ])
  await expect(api.call('GET', '/api/catalogue/events/Nothing/properties')).rejects.toMatchObject({ code: 'unknown-event' })
})

test('all of it is described validly', async () => {
  expect((await new Validator().validate(await api.call<Record<string, unknown>>('GET', '/api/openapi.json'))).errors).toBeUndefined()
})
