import { Validator } from '@seriousme/openapi-schema-validator'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { auditEntries } from '../access/audit.ts'
import type { Caller } from '../access/caller.ts'
import type { CanonicalEvent, JsonObject, TraitChange } from '../collect/event.ts'
import { createApi } from '../http/api.ts'
import { createLogger } from '../http/logger.ts'
import { type Served, serve } from '../http/server.ts'
import { keysFrom } from '../privacy/keys.ts'
import { type Dictionary, openDictionary } from './dictionary.ts'
import { noMarks } from './marks.ts'
import { observedEvents, observedLeftOut, observedProperties, observedTraits } from './observed.ts'
import { Observer } from './observer.ts'
import { redact } from './personal.ts'
import { dictionaryRoutes } from './routes.ts'

const { postgres } = await testStores()
const { blindIndex } = keysFrom('a secret for tests')
let now = Date.UTC(2026, 9, 1)
let dictionary: Dictionary
let served: Served
const caller: Caller = { id: 'key_tests', name: 'tests', permissions: new Set(['read', 'write']) }

beforeAll(async () => {
  const routed: Dictionary = {
    marks: () => dictionary.marks(),
    traits: () => dictionary.traits(),
    entries: () => dictionary.entries(),
    get lists() {
      return dictionary.lists
    },
    get observer() {
      return dictionary.observer
    },
    put: (subject, document, change) => dictionary.put(subject, document, change),
    reload: () => dictionary.reload(),
  }
  const logger = createLogger('silent')
  const app = createApi({
    authenticate: () => caller,
    logger,
    registry: new Registry(),
    checks: [],
    routes: [api => dictionaryRoutes(api, routed, postgres)],
    version: '0',
  })
  served = await serve(app, async () => false, { host: '127.0.0.1', port: 0, logger })
})
afterAll(() => served.stop())
beforeEach(async () => {
  await postgres.query('truncate observed_events, observed_properties, observed_traits, observed_left_out, dictionary_entries, audit')
  dictionary = await openDictionary(postgres, () => now)
})

function event(name: string, props: JsonObject, traits: TraitChange[] = [], receivedAt = now): CanonicalEvent {
  return {
    messageId: 'm',
    event: name,
    ts: receivedAt,
    receivedAt,
    source: 's',
    channel: 'web',
    historical: false,
    props,
    context: {},
    identifiers: [],
    traits,
    consents: [],
  }
}

const call = async (method: string, path: string, body?: unknown) => {
  const headers = { authorization: 'Bearer any', 'content-type': 'application/json' }
  const response = await fetch(`${served.url}${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
  return { status: response.status, body: (await response.json()) as never }
}
type Path = {
  path: string
  types: Record<string, number>
  count: number
  examples: string[]
  personal?: boolean
  sensitive?: string
  looks?: string
  zh?: string
  version: number
}
type Shown = {
  events: { name: string; zh?: string; count: number; version: number; propertiesLeftOut: number; properties: Path[] }[]
  traits: Path[]
  properties: Path[]
}
const shown = async (query = '') => (await call('GET', `/api/dictionary${query}`)).body as Shown

function accepted(events: CanonicalEvent[], observer = dictionary.observer): void {
  for (const one of events) observer.accept(observer.look(one), one.traits, one.receivedAt)
}
async function observed(events: CanonicalEvent[], observer = dictionary.observer): Promise<void> {
  accepted(events, observer)
  await observer.flush(postgres)
}
const pathsOf = async (name: string) => new Map((await observedProperties(postgres, name)).get(name)?.map(row => [row.path, row]))

describe('the observed schema', () => {
  test('events and properties with their types, counts and times, lists and nested objects by path', async () => {
    await observed([
      event('Order Completed', {
        total: 99.5,
        paid: true,
        products: [{ sku: 'A1' }, { sku: 'B2', price: 3 }],
        shipping: { city: '杭州' },
        on: '2026-10-01',
        at: '2026-10-01T08:00:00Z',
        tags: ['x'],
        empty: {},
        gone: null,
      }),
      event('Order Completed', { total: '99.5', products: [] }, [], now + 5),
    ])
    const paths = await pathsOf('Order Completed')
    expect(Object.fromEntries([...paths].map(([path, row]) => [path, row.types]))).toEqual({
      total: { number: 1, text: 1 },
      paid: { boolean: 1 },
      products: { list: 2 },
      'products[].sku': { text: 2 },
      'products[].price': { number: 1 },
      'shipping.city': { text: 1 },
      on: { date: 1 },
      at: { date: 1 },
      tags: { list: 1 },
      'tags[]': { text: 1 },
      empty: { object: 1 },
      gone: { null: 1 },
    })
    expect(paths.get('products[].sku')?.examples).toEqual(['A1', 'B2'])
    expect(await observedEvents(postgres)).toEqual([
      {
        event: 'Order Completed',
        count: 2,
        propertiesLeftOut: 0,
        firstSeen: new Date(now).toISOString(),
        lastSeen: new Date(now + 5).toISOString(),
      },
    ])
  })

  test('counts add up over writings and over processes', async () => {
    const other = new Observer(
      () => now,
      () => noMarks,
    )
    for (let round = 0; round < 3; round++) {
      await observed([event('Viewed', { id: round }, [], now + round)])
      await observed([event('Viewed', { id: 'a' }, [], now - round)], other)
    }
    expect((await pathsOf('Viewed')).get('id')).toMatchObject({
      types: { number: 3, text: 3 },
      count: 6,
      firstSeen: new Date(now - 2).toISOString(),
      lastSeen: new Date(now + 2).toISOString(),
    })
    expect((await observedEvents(postgres))[0]?.count).toBe(6)
  })

  test('traits, set and unset', async () => {
    await observed([
      event('$identify', {}, [{ key: 'plan', op: 'set', value: 'gold' }]),
      event('$identify', {}, [{ key: 'plan', op: 'unset' }]),
    ])
    expect(await observedTraits(postgres)).toEqual([
      expect.objectContaining({ path: 'plan', types: { text: 1, null: 1 }, examples: ['gold'] }),
    ])
  })

  test('it is written at most once a second, and nothing is written when nothing was seen', async () => {
    accepted([event('Viewed', {})])
    await dictionary.observer.flushIfDue(postgres)
    expect(await observedEvents(postgres)).toEqual([])
    now += 1000
    await dictionary.observer.flushIfDue(postgres)
    expect((await observedEvents(postgres))[0]?.count).toBe(1)
    await dictionary.observer.flush({ query: () => Promise.reject(new Error('nothing to write')) })
  })

  test('what a failed writing did not take comes with the next', async () => {
    accepted([event('Viewed', { id: 'a', n: 1 }, [{ key: 'plan', op: 'set', value: 'gold' }])])
    await expect(dictionary.observer.flush({ query: () => Promise.reject(new Error('the connection is gone')) })).rejects.toThrow()
    await observed([event('Viewed', { id: 'b' })])
    expect((await pathsOf('Viewed')).get('id')).toMatchObject({ count: 2, examples: ['a', 'b'] })
    expect((await pathsOf('Viewed')).get('n')).toMatchObject({ count: 1 })
    expect((await observedEvents(postgres))[0]?.count).toBe(2)
    expect((await observedTraits(postgres))[0]?.count).toBe(1)
  })

  test('a client that invents names fills nothing: the rest is counted together', async () => {
    const small = new Observer(
      () => now,
      () => noMarks,
      { events: 3, propertiesPerEvent: 4, traits: 2 },
    )
    const invented = Array.from({ length: 10 }, (_, n) =>
      event(`Event ${n}`, Object.fromEntries(Array.from({ length: 10 }, (_, k) => [`p${n}_${k}`, k])), [
        { key: `t${n}`, op: 'set', value: n },
      ]),
    )
    await observed([...invented, ...invented], small)
    expect((await observedEvents(postgres)).map(row => [row.event, row.count, row.propertiesLeftOut])).toEqual([
      ['Event 0', 2, 12],
      ['Event 1', 2, 12],
      ['Event 2', 2, 12],
    ])
    expect((await observedTraits(postgres)).length).toBe(2)
    expect(await observedLeftOut(postgres)).toEqual({ events: 14, traits: 16 })
  })

  test('names as long as a row of an index allows, and strange ones, break nothing', async () => {
    await observed([
      event('名'.repeat(200), { ['键'.repeat(300)]: 1, ['x'.repeat(301)]: 1, __proto__x: 1, constructor: 2, 'a b': { 'c%2Ed': 3 } }),
      event('x'.repeat(201), {}),
      event('', { a: 1 }),
    ])
    expect([...(await pathsOf('名'.repeat(200))).keys()].sort()).toEqual(['__proto__x', 'a b.c%2Ed', 'constructor', '键'.repeat(300)])
    expect(await observedLeftOut(postgres)).toMatchObject({ events: 2 })
  })

  test('examples are a few short values, never personal ones and never free text', async () => {
    const dirty = Array.from({ length: 20 }, (_, n) =>
      event('Form Sent', {
        color: `c${n}`,
        phone: '19900001234',
        contact: { name: '李雷' },
        any: 'li.lei@example.com',
        comment: '很好',
        user_id: `u${n}`,
        note: 'x',
        long: 'x'.repeat(40),
        openid: 'o1',
      }),
    )
    await observed([...dirty, ...dirty.map(one => redact(one, blindIndex, noMarks))])
    const paths = await pathsOf('Form Sent')
    expect(paths.get('color')?.examples.length).toBe(5)
    expect([...paths.values()].filter(({ examples }) => examples.length > 0).map(({ path }) => path)).toEqual(['color'])
  })
})

describe('names and marks', () => {
  test('an event, a property, a property in every event and a trait are named and marked', async () => {
    await observed([event('Product Viewed', { price: 3, products: [{ sku: 'A1' }] }, [{ key: 'skin_type', op: 'set', value: 'dry' }])])
    expect((await call('PUT', '/api/dictionary/events/Product%20Viewed', { zh: '浏览项目', en: 'Product viewed' })).body).toEqual({
      zh: '浏览项目',
      en: 'Product viewed',
      version: 1,
    })
    await call('PUT', '/api/dictionary/events/Product%20Viewed/properties/products%5B%5D.sku', { zh: '编号' })
    await call('PUT', '/api/dictionary/properties/price', { zh: '价格', en: 'Price' })
    await call('PUT', '/api/dictionary/traits/skin_type', { zh: '肤质', sensitive: 'medical', values: { dry: { zh: '干性', en: 'Dry' } } })
    const { events, traits, properties } = await shown()
    expect(events).toMatchObject([
      {
        name: 'Product Viewed',
        zh: '浏览项目',
        version: 1,
        count: 1,
        properties: [{ path: 'price', zh: '价格', version: 0 }, { path: 'products' }, { path: 'products[].sku', zh: '编号', version: 1 }],
      },
    ])
    expect(traits).toMatchObject([{ path: 'skin_type', zh: '肤质', sensitive: 'medical', values: { dry: { zh: '干性' } }, examples: [] }])
    expect(properties).toMatchObject([{ path: 'price', en: 'Price' }])
    expect((await auditEntries(postgres, 10)).map(({ who, did, what }) => [who, did, what])).toContainEqual([
      'key_tests',
      'dictionary.change',
      'trait:skin_type',
    ])
  })

  test('what was named before it was seen is there, one event can be asked for, a slash is part of a name', async () => {
    await call('PUT', '/api/dictionary/events/A%2FB', { zh: '甲' })
    await call('PUT', '/api/dictionary/events/C/properties/x.y', { zh: '乙' })
    expect((await shown()).events.map(({ name, count, properties }) => [name, count, properties.map(({ path }) => path)])).toEqual([
      ['A/B', 0, []],
      ['C', 0, ['x.y']],
    ])
    expect((await shown('?event=C')).events.map(({ name }) => name)).toEqual(['C'])
    expect((await shown('?properties=false')).events.flatMap(({ properties }) => properties)).toEqual([])
  })

  test('a change on an old version is refused, also when two come at once', async () => {
    await call('PUT', '/api/dictionary/traits/plan', { zh: '一', version: 0 })
    const refused = await call('PUT', '/api/dictionary/traits/plan', { zh: '二', version: 0 })
    expect([refused.status, refused.body]).toMatchObject([409, { code: 'outdated', detail: expect.stringContaining('version 1') }])
    expect((await call('PUT', '/api/dictionary/traits/plan', { zh: '三' })).body).toMatchObject({ version: 2 })
    const both = await Promise.all(['new', 'new'].map(key => call('PUT', `/api/dictionary/traits/${key}`, { zh: '四', version: 0 })))
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
  })

  test('what is said replaces what was said', async () => {
    await call('PUT', '/api/dictionary/traits/plan', { zh: '一', en: 'One', personal: true })
    expect((await call('PUT', '/api/dictionary/traits/plan', { en: 'Two' })).body).toEqual({ en: 'Two', version: 2 })
    expect(dictionary.marks().ofTrait('plan')).toEqual({})
  })

  test('a mark takes the examples away, and holds for what comes', async () => {
    await observed([event('Visit', { diagnosis: 'acne', doctor: { code: 'D1' }, n: 1 }, [{ key: 'allergy', op: 'set', value: 'nuts' }])])
    await call('PUT', '/api/dictionary/events/Visit/properties/diagnosis', { sensitive: 'medical' })
    await call('PUT', '/api/dictionary/properties/doctor', { personal: true })
    await call('PUT', '/api/dictionary/traits/allergy', { sensitive: 'medical' })
    await observed([
      event('Visit', { diagnosis: 'rosacea', doctor: { code: 'D2', extra: 'E' }, n: 2 }, [{ key: 'allergy', op: 'set', value: 'milk' }]),
    ])
    const paths = await pathsOf('Visit')
    expect([...paths.values()].map(({ path, examples }) => [path, examples])).toEqual([
      ['diagnosis', []],
      ['doctor.code', []],
      ['doctor.extra', []],
      ['n', ['1', '2']],
    ])
    expect((await observedTraits(postgres))[0]).toMatchObject({ count: 2, examples: [] })
    expect(redact(event('Visit', { doctor: { code: 'D3' } }), blindIndex, dictionary.marks()).props).toEqual({
      doctor: { code: expect.stringMatching(/^h:/) },
    })
  })

  test('a marked event hides all of its properties, and no other', async () => {
    await observed([event('Diagnosed', { text: 'acne', inner: { code: 'L70' } }), event('Viewed', { code: 'V' })])
    await call('PUT', '/api/dictionary/events/Diagnosed', { sensitive: 'medical', personal: true })
    await observed([event('Diagnosed', { text: 'eczema', more: 'x' }), event('Viewed', { code: 'W' })])
    const { events } = await shown()
    expect(events.map(({ name, properties }) => [name, properties.flatMap(({ examples }) => examples)])).toEqual([
      ['Diagnosed', []],
      ['Viewed', ['V', 'W']],
    ])
    expect(redact(event('Diagnosed', { text: 'acne' }), blindIndex, dictionary.marks()).props).toEqual({
      text: expect.stringMatching(/^h:/),
    })
  })

  test('keys that look personal are told', async () => {
    await observed([
      event('Form Sent', { phone: 'h:0123456789abcdef', size: 'L' }, [{ key: 'name', op: 'set', value: 'h:0123456789abcdef' }]),
    ])
    const { events, traits } = await shown()
    expect(events[0]?.properties.map(({ path, looks }) => [path, looks])).toEqual([
      ['phone', 'phone'],
      ['size', undefined],
    ])
    expect(traits[0]?.looks).toBe('name')
  })

  test('another process sees a change after its reload', async () => {
    const other = await openDictionary(postgres, () => now)
    await call('PUT', '/api/dictionary/traits/nick', { personal: true })
    expect(other.marks().ofTrait('nick')).toBeUndefined()
    await other.reload()
    expect(other.marks().ofTrait('nick')).toEqual({ personal: true })
  })

  test('a trait says its type, which source wins, and which consent it mirrors', async () => {
    await call('PUT', '/api/dictionary/traits/birthday', { type: 'date', win: ['his', 'mini_program'] })
    await call('PUT', '/api/dictionary/traits/first_source', { type: 'enum', win: 'first', values: { douyin: { zh: '抖音' } } })
    const mirror = await call('PUT', '/api/dictionary/traits/consent_marketing', { zh: '同意营销', mirror: 'consents/marketing' })
    expect(mirror.body).toEqual({ zh: '同意营销', mirror: { consent: 'marketing' }, version: 1 })
    await call('PUT', '/api/dictionary/traits/consent_medical', { mirror: { consent: 'medical_profile' } })
    const traits = dictionary.traits()
    expect(['birthday', 'first_source', 'else'].map(traits.winOf)).toEqual([['his', 'mini_program'], 'first', 'latest'])
    expect(['birthday', 'consent_marketing', 'else'].map(traits.typeOf)).toEqual(['date', 'boolean', undefined])
    expect(Object.fromEntries(traits.mirrors)).toEqual({ consent_marketing: 'marketing', consent_medical: 'medical_profile' })
    expect((await shown()).traits).toMatchObject([{ path: 'birthday', type: 'date', win: ['his', 'mini_program'] }, {}, {}, {}])
    await call('PUT', '/api/dictionary/traits/birthday', { type: 'date' })
    expect(dictionary.traits().winOf('birthday')).toBe('latest')
  })

  test('what a definition cannot be is refused by path', async () => {
    const faultOf = async (path: string, document: object) => {
      const { status, body } = await call('PUT', `/api/dictionary/${path}`, document)
      return [status, ((body as { details?: { path: string }[] }).details ?? []).map(detail => detail.path)]
    }
    expect(await faultOf('traits/x', { win: 'newest' })).toEqual([422, ['win']])
    expect(await faultOf('traits/x', { win: [] })).toEqual([422, ['win']])
    expect(await faultOf('traits/x', { type: 'money' })).toEqual([422, ['type']])
    expect(await faultOf('traits/x', { type: 'enum' })).toEqual([422, ['values']])
    expect(await faultOf('traits/x', { mirror: 'marketing' })).toEqual([422, ['mirror']])
    expect(await faultOf('traits/x', { mirror: 'consents/a', win: 'first' })).toEqual([422, ['win']])
    expect(await faultOf('traits/x', { mirror: 'consents/a', type: 'number' })).toEqual([422, ['type']])
    expect(await faultOf('traits/x', { mirror: 'consents/a', personal: true })).toEqual([422, ['personal']])
    expect(await faultOf('properties/x', { win: 'first' })).toEqual([422, ['']])
    expect(await faultOf('events/x', { mirror: 'consents/a' })).toEqual([422, ['']])
    expect((await call('PUT', '/api/dictionary/properties/x', { type: 'number' })).status).toBe(200)
  })

  test('documents that do not fit are refused by path', async () => {
    expect(await call('PUT', '/api/dictionary/traits/x', { zh: 5 })).toMatchObject({ status: 422, body: { details: [{ path: 'zh' }] } })
    expect(await call('PUT', '/api/dictionary/traits/x', { color: 'red' })).toMatchObject({ status: 422 })
  })

  test('the routes are described validly', async () => {
    const { body } = await call('GET', '/api/openapi.json')
    expect((await new Validator().validate(body)).errors).toBeUndefined()
  })
})
