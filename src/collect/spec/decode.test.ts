import { describe, expect, test } from 'vitest'
import type { CanonicalEvent } from '../event.ts'
import { formatNamed } from '../formats/index.ts'

const receivedAt = Date.UTC(2026, 9, 1, 8)
const iso = (time: number) => new Date(time).toISOString()

interface Setting {
  format?: 'segment' | 'rudder'
  form?: string
  around?: Record<string, unknown>
  channel?: CanonicalEvent['channel']
  ip?: string
}

/** Checks and decodes one message, in a batch unless the form says otherwise. */
function decode(
  message: Record<string, unknown>,
  { format = 'segment', form = 'batch', around = {}, channel = 'other', ip }: Setting = {},
) {
  const body = form === 'batch' || form === 'import' ? { ...around, batch: [message] } : message
  const { items, check, decode } = formatNamed(format)
  const [item] = items(body, form) as unknown[]
  const fault = check(item, { form, body, escaped: true, receivedAt })
  if (fault) throw new Error(fault.code)
  return decode(item, { form, body, source: 'shop', channel, receivedAt, fallbackId: 'zhike-7', ...(ip === undefined ? {} : { ip }) })
}

const track = { type: 'track', event: 'Order Completed', userId: 'u1' }

describe('names', () => {
  test('a track call keeps its event, its properties and its message id', () => {
    expect(decode({ ...track, messageId: 'm1', properties: { total: 12.5, products: [{ sku: 'A' }] } })).toEqual({
      messageId: 'm1',
      event: 'Order Completed',
      ts: receivedAt,
      receivedAt,
      source: 'shop',
      channel: 'other',
      historical: false,
      props: { total: 12.5, products: [{ sku: 'A' }] },
      context: {},
      identifiers: [{ namespace: 'user_id', value: 'u1' }],
      traits: [],
      consents: [],
    })
  })

  test('a message without an id gets one that a second decoding gives it again', () => {
    expect(decode(track).messageId).toBe('zhike-7')
  })

  test.each([
    ['page', { name: 'Home', category: 'Shop', properties: { path: '/' } }, 'Page Viewed', { name: 'Home', category: 'Shop', path: '/' }],
    ['screen', { name: 'Cart', properties: { name: 'Basket' } }, 'Screen Viewed', { name: 'Basket' }],
    ['screen', { event: 'Cart' }, 'Screen Viewed', { name: 'Cart' }],
    ['group', { groupId: 7, traits: { plan: 'gold' } }, '$group', { groupId: '7', traits: { plan: 'gold' } }],
    ['identify', { traits: { city: '杭州' } }, '$identify', {}],
  ])('%s becomes an event of its own name', (type, fields, event, props) => {
    expect(decode({ type, anonymousId: 'a1', ...fields })).toMatchObject({ event, props })
    expect(decode({ anonymousId: 'a1', ...fields }, { form: type })).toMatchObject({ event, props })
  })

  test('dots in keys of properties are escaped', () => {
    expect(decode({ ...track, properties: { a: { b: 1 }, 'a.b': 2 } }).props).toEqual({ a: { b: 1 }, 'a%2Eb': 2 })
  })

  test('the context of a batch is merged under that of its items', () => {
    const around = { context: { library: { name: 'analytics-go' }, locale: 'en' } }
    expect(decode({ ...track, context: { locale: 'zh-CN' } }, { around })).toMatchObject({
      context: { library: { name: 'analytics-go' }, locale: 'zh-CN' },
      channel: 'server',
    })
  })
})

describe('identifiers', () => {
  test('come with their namespace, the strongest first, and are not kept in the context', () => {
    const event = decode({
      type: 'identify',
      userId: 42,
      anonymousId: 'a1',
      traits: { phone: '19900001234', email: 'a@example.com' },
      context: {
        device: { id: 'd1', model: 'X' },
        externalIds: [
          { id: 'wx1', type: 'openid:wxapp', collection: 'users' },
          { id: 'acme', type: 'company', collection: 'accounts' },
        ],
        traits: { phone: 'old' },
      },
    })
    expect(event.identifiers).toEqual([
      { namespace: 'user_id', value: '42' },
      { namespace: 'phone', value: '19900001234' },
      { namespace: 'email', value: 'a@example.com' },
      { namespace: 'openid:wxapp', value: 'wx1' },
      { namespace: 'device_id', value: 'd1' },
      { namespace: 'anonymous_id', value: 'a1' },
    ])
    expect(event.context).toEqual({ device: { model: 'X' } })
  })

  test('what a track call knows of the person identifies, and changes no trait', () => {
    const event = decode({ type: 'track', event: 'X', anonymousId: 'a1', context: { traits: { email: 'a@example.com', city: 'x' } } })
    expect(event.identifiers).toContainEqual({ namespace: 'email', value: 'a@example.com' })
    expect(event.traits).toEqual([])
  })

  test('the traits of a group are not the person’s', () => {
    expect(decode({ type: 'group', groupId: 'g', userId: 'u1', traits: { email: 'office@example.com' } })).toMatchObject({
      identifiers: [{ value: 'u1' }],
      traits: [],
    })
  })
})

describe('traits', () => {
  test('identify sets them, and null unsets', () => {
    expect(
      decode({ type: 'identify', userId: 'u1', traits: { city: '杭州', vip: false, note: null, address: { 'a.b': 1 } } }).traits,
    ).toEqual([
      { key: 'city', op: 'set', value: '杭州' },
      { key: 'vip', op: 'set', value: false },
      { key: 'note', op: 'unset' },
      { key: 'address', op: 'set', value: { 'a%2Eb': 1 } },
    ])
  })

  test('RudderStack’s browsers put them into the context; those of the call itself win', () => {
    const message = { type: 'identify', userId: 'u1', context: { traits: { city: 'old', plan: 'gold' } }, traits: { city: 'new' } }
    expect(decode(message, { format: 'rudder' }).traits).toEqual([
      { key: 'city', op: 'set', value: 'new' },
      { key: 'plan', op: 'set', value: 'gold' },
    ])
  })
})

describe('alias', () => {
  const uuid = '3f0b5d1e-7c1a-4c8e-9d53-0a3c1e0f9b11'
  test('links the previous id: an anonymous one where it is the message’s own or a UUID, else the brand’s', () => {
    expect(decode({ type: 'alias', userId: 'u1', previousId: 'a1', anonymousId: 'a1' })).toMatchObject({
      event: '$alias',
      operation: { kind: 'alias', previous: { namespace: 'anonymous_id', value: 'a1' } },
    })
    expect(decode({ type: 'alias', userId: 'u1', previousId: uuid }).operation).toEqual({
      kind: 'alias',
      previous: { namespace: 'anonymous_id', value: uuid },
    })
    expect(decode({ type: 'alias', userId: 'u1', previousId: 'old' }).operation).toEqual({
      kind: 'alias',
      previous: { namespace: 'user_id', value: 'old' },
    })
  })

  test.each(['u1', uuid])('a person aliased to themselves is no operation (%s)', id => {
    expect(decode({ type: 'alias', userId: id, previousId: id, anonymousId: 'a1' }).operation).toBeUndefined()
  })
})

describe('time', () => {
  const minute = 60_000
  test('a clock that goes wrong is corrected by the time of sending, and what the sender said is kept', () => {
    // The sender’s clock is a day behind, and the event waited there for ten minutes.
    const sentAt = receivedAt - 24 * 60 * minute
    const timestamp = iso(sentAt - 10 * minute)
    const expected = { ts: receivedAt - 10 * minute, context: { originalTimestamp: timestamp, skewMs: 24 * 60 * minute } }
    expect(decode({ ...track, timestamp }, { around: { sentAt: iso(sentAt) } })).toMatchObject(expected)
    expect(decode({ ...track, originalTimestamp: timestamp, sentAt: iso(sentAt) }, { format: 'rudder' })).toMatchObject(expected)
  })

  test('a live event does not lie in the future, and none is moved into the past', () => {
    expect(decode({ ...track, timestamp: iso(receivedAt + minute) }).ts).toBe(receivedAt)
    expect(decode({ ...track, timestamp: iso(receivedAt), sentAt: iso(receivedAt - minute) }).ts).toBe(receivedAt)
    expect(decode({ ...track, timestamp: iso(receivedAt - 400 * 24 * 60 * minute) }).ts).toBe(receivedAt - 400 * 24 * 60 * minute)
  })

  test('RudderStack’s timestamp is final', () => {
    const message = { ...track, timestamp: iso(receivedAt - 5 * minute), originalTimestamp: iso(0), sentAt: iso(minute) }
    expect(decode(message, { format: 'rudder' }).ts).toBe(receivedAt - 5 * minute)
  })

  test('a time of sending that cannot be read corrects nothing', () => {
    expect(decode({ ...track, timestamp: iso(receivedAt - minute), sentAt: 'now' }).ts).toBe(receivedAt - minute)
  })

  test('an imported event is historical and lies where it says, in the future too', () => {
    const timestamp = iso(receivedAt + 30 * 24 * 60 * minute)
    expect(decode({ ...track, timestamp }, { form: 'import', around: { sentAt: iso(0) } })).toMatchObject({
      historical: true,
      ts: receivedAt + 30 * 24 * 60 * minute,
    })
  })
})

describe('channel', () => {
  test.each([
    [{ context: { library: { name: 'npm:next' } } }, 'web'],
    [{ context: { library: { name: 'analytics.js' } } }, 'web'],
    [{ context: { library: { name: 'RudderLabs JavaScript SDK' } } }, 'web'],
    [{ context: { library: { name: '@segment/analytics-node' } } }, 'server'],
    [{ context: { library: { name: 'analytics-java' } } }, 'server'],
    [{ context: { library: { name: 'analytics-kotlin' } } }, 'mobile'],
    [{ context: { library: { name: '@segment/analytics-react-native' } } }, 'mobile'],
    [{ channel: 'server' }, 'server'],
    [{}, 'other'],
  ])('%j is %s', (fields, channel) => {
    expect(decode({ ...track, ...fields }).channel).toBe(channel)
  })

  test('what the source is set to wins', () => {
    expect(decode({ ...track, channel: 'server' }, { channel: 'mini_program' }).channel).toBe('mini_program')
  })

  test('the sender’s address is the person’s on client side only, and never replaces a given one', () => {
    const web = { context: { library: { name: 'analytics.js' } } }
    expect(decode({ ...track, ...web }, { ip: '192.0.2.7' }).context.ip).toBe('192.0.2.7')
    expect(decode({ ...track, context: { ...web.context, ip: '198.51.100.1' } }, { ip: '192.0.2.7' }).context.ip).toBe('198.51.100.1')
    expect(decode({ ...track, channel: 'server' }, { ip: '192.0.2.7' }).context.ip).toBeUndefined()
  })
})

describe('consents', () => {
  test('Segment’s preferences count where they are set, not where they are only stamped', () => {
    const context = { consent: { categoryPreferences: { marketing: true, personalized: false, odd: 'yes' } } }
    const consents = [
      { purpose: 'marketing', given: true },
      { purpose: 'personalized', given: false },
    ]
    expect(decode({ type: 'track', event: 'Segment Consent Preference Updated', userId: 'u1', context }).consents).toEqual(consents)
    expect(decode({ type: 'identify', userId: 'u1', context }).consents).toEqual(consents)
    expect(decode({ ...track, context }).consents).toEqual([])
  })

  test('RudderStack’s allowed and denied ids', () => {
    const context = { consentManagement: { provider: 'custom', allowedConsentIds: ['marketing'], deniedConsentIds: { personalized: 'x' } } }
    expect(decode({ type: 'page', anonymousId: 'a1', context }, { format: 'rudder' }).consents).toEqual([
      { purpose: 'marketing', given: true },
      { purpose: 'personalized', given: false },
    ])
  })
})

describe('refused', () => {
  test.each([
    [{ type: 'track', event: 'X' }, 'no_identifier'],
    [{ type: 'track', event: 'X', userId: '  ', anonymousId: null }, 'no_identifier'],
    [{ type: 'track', userId: 'u1' }, 'no_event_name'],
    [{ type: 'track', event: ' ', userId: 'u1' }, 'no_event_name'],
    [{ type: 'track', event: 'x'.repeat(256), userId: 'u1' }, 'event_name_too_long'],
    [{ type: 'track', event: '$identify', userId: 'u1' }, 'reserved_event_name'],
    [{ type: 'delete', userId: 'u1' }, 'unknown_type'],
    [{ type: 'track', event: 'X', userId: { id: 1 } }, 'bad_identifier'],
    [{ type: 'track', event: 'X', userId: 2 ** 60 }, 'bad_identifier'],
    [{ type: 'track', event: 'X', userId: 'u'.repeat(10_000) }, 'bad_identifier'],
    [{ type: 'track', event: 'X', userId: 'u1', properties: [1] }, 'not_an_object'],
    [{ type: 'identify', userId: 'u1', traits: 'x' }, 'not_an_object'],
    [{ type: 'group', userId: 'u1' }, 'no_group_id'],
    [{ type: 'alias', userId: 'u1' }, 'no_previous_id'],
    [{ ...track, timestamp: 'yesterday' }, 'bad_timestamp'],
    [{ ...track, timestamp: '0001-01-01' }, 'time_out_of_range'],
    [{ ...track, messageId: 'm'.repeat(300) }, 'bad_message_id'],
    [{ ...track, properties: { long: 'x'.repeat(40_000) } }, 'event_too_large'],
    [{ ...track, properties: { 汉: '字'.repeat(11_000) } }, 'event_too_large'],
    [{ ...track, properties: { a: Number.POSITIVE_INFINITY } }, 'number_out_of_range'],
  ])('%#: %j', (message, code) => {
    expect(() => decode(message)).toThrow(code)
  })

  test.each([
    { type: 'identify', traits: { phone: 19900001234 } },
    { type: 'track', event: 'X', context: { device: { id: 'd1' } } },
    { type: 'track', event: 'X', userId: 'u1', anonymousId: null, timestamp: null, messageId: 5, properties: null },
    { ...track, properties: { 汉: '字'.repeat(10_000) } },
  ])('one identifier is enough, and null is as good as nothing: %#', message => {
    expect(decode(message).identifiers.length).toBeGreaterThan(0)
  })
})
