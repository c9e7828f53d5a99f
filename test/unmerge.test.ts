import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiClient, apiClient } from '../src/cli/api-client.ts'
import { encodeRecord } from '../src/collect/record.ts'
import { configFrom } from '../src/config.ts'
import { createLogger } from '../src/http/logger.ts'
import { type Running, startZhike } from '../src/serve.ts'

/**
 * Every story is lived twice in one workspace: by people who are merged by mistake and separated again, and by their twins, who never were. At the
 * end nobody can tell them apart. Values differ by one letter or digit, which stands for whose they are: m and 1, or t and 2.
 */
type Side = 'm' | 't'

interface Message {
  source: string
  type: 'track' | 'identify'
  event?: string
  user?: string
  phone?: string
  email?: string
  anonymous?: string
  traits?: Record<string, unknown>
  consent?: Record<string, boolean>
}

let dataDir: string
let zhike: Running
let api: ApiClient

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'zhike-unmerge-'))
  chmodSync(dataDir, 0o755)
  zhike = await startZhike(configFrom({ ZHIKE_DATA: dataDir, ZHIKE_PORT: '0' }), createLogger('error'))
  const { apiKey } = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')) as { apiKey: string }
  api = apiClient(zhike.url, apiKey)
})
afterAll(async () => {
  await zhike.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const phoneOf = (side: Side, n: string) => `199000${side === 'm' ? 1 : 2}${n}`
const nameOf = (side: Side, name: string) => `${name}-${side}`
const mailOf = (side: Side, name: string) => `${name}.${side}@example.com`

/** Twins send at the same moments, so what they send is the same but for whose it is. */
async function send(side: Side, ...messages: readonly (Message & { at: number; story: string })[]): Promise<void> {
  for (const { source, type, event, user, phone, email, anonymous, traits, consent, at, story } of messages) {
    const ids = [
      ...(phone ? [{ type: 'phone', id: phoneOf(side, phone) }] : []),
      ...(email ? [{ type: 'email', id: mailOf(side, email) }] : []),
    ]
    const message = {
      type,
      messageId: `${story}-${at}-${side}`,
      timestamp: new Date(Date.UTC(2026, 0, 1) + at * 60_000).toISOString(),
      ...(event && { event, properties: { step: at } }),
      ...(user && { userId: nameOf(side, user) }),
      ...(anonymous && { anonymousId: nameOf(side, anonymous) }),
      ...(traits && { traits }),
      context: { externalIds: ids, ...(consent && { consent: { categoryPreferences: consent } }) },
    }
    const envelope = { format: 'segment', form: 'batch', source, channel: 'web', receivedAt: Date.now(), ip: '', rejected: [] } as const
    await zhike.core.events.append(0, encodeRecord(envelope, Buffer.from(JSON.stringify({ batch: [message] }))), 1)
  }
  await api.call('POST', '/api/flush')
}

interface Profile {
  id: string
  identifiers: { namespace: string; value: string; state: string; since: string }[]
  traits: Record<string, unknown>
  consents: { purpose: string; given: boolean; since: string }[]
}

const named = {
  user: (side: Side, name: string) => ({ namespace: 'user_id', value: nameOf(side, name) }),
  phone: (side: Side, n: string) => ({ namespace: 'phone', value: phoneOf(side, n) }),
  email: (side: Side, name: string) => ({ namespace: 'email', value: mailOf(side, name) }),
  anonymous: (side: Side, name: string) => ({ namespace: 'anonymous_id', value: nameOf(side, name) }),
}
type Named = (side: Side) => { namespace: string; value: string }

/** Everything that can be seen of the people behind these identifiers, without whose twin they are. */
async function seen(side: Side, story: string, identifiers: readonly Named[]): Promise<unknown> {
  const profiles = await Promise.all(identifiers.map(one => api.call<Profile>('POST', '/api/profiles/lookup', one(side))))
  const ids = profiles.map(({ id }) => id)
  const people = await Promise.all(
    [...new Set(ids)].map(async id =>
      personOf(
        id,
        profiles.find(profile => profile.id === id),
      ),
    ),
  )
  const text = JSON.stringify({ who: ids.map(id => ids.indexOf(id)), people, facts: await factsOf(side, story, ids) })
  return JSON.parse(
    text
      .replaceAll(/199000[12]/g, '199000x')
      .replaceAll(`-${side}"`, '-x"')
      .replaceAll(`.${side}@`, '.x@')
      .replaceAll(`****${side}"`, '****x"')
      .replaceAll(`**-${side}"`, '**-x"'),
  )
}

async function personOf(id: string, profile: Profile | undefined): Promise<unknown> {
  const { events } = await api.call<{ events: Record<string, unknown>[] }>('GET', `/api/profiles/${id}/events?limit=1000`)
  const { changes } = await api.call<{ changes: Record<string, unknown>[] }>('GET', `/api/profiles/${id}/traits?limit=1000`)
  return {
    identifiers: profile?.identifiers,
    traits: profile?.traits,
    consents: profile?.consents,
    events: events.map(({ position: _, leaf: __, receivedAt: ___, ...event }) => event),
    changes: changes.map(({ position: _, ...change }) => change).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  }
}

/**
 * A message with a single identifier is no evidence, so an identifier that was cut off inside of a leaf is known since it next came with another.
 * Nothing else may differ.
 */
function withoutSince(people: unknown): unknown {
  return JSON.parse(
    JSON.stringify(people, (key, value) => (key === 'identifiers' ? value.map((one: object) => ({ ...one, since: '' })) : value)),
  )
}

/** Whose each fact is by ClickHouse alone, as the place of its person in the list; and that it agrees with PostgreSQL. */
async function factsOf(side: Side, story: string, profiles: readonly string[]): Promise<unknown> {
  const { postgres, clickhouse } = zhike.core.stores
  const tables = ['events', 'traits', 'consents']
  const positions = await clickhouse.query<{ position: number; message: string; leaf: number }>(
    `select position, message_id as message, leaf from events
     where startsWith(message_id, {story:String}) and endsWith(message_id, {side:String}) order by ts`,
    { story: `${story}-`, side: `-${side}` },
  )
  const roots = await mirrored()
  const stored = await postgres.query<{ leaf: number; root: number }>('select leaf, root from leaves')
  expect(stored.filter(({ leaf, root }) => (roots.get(leaf) ?? leaf) !== root)).toEqual([])
  const placeOf = (leaf: number) => profiles.indexOf(`${roots.get(leaf) ?? leaf}`)
  const elsewhere = await Promise.all(
    tables.map(table =>
      clickhouse.query<{ position: number; leaf: number; rows: number }>(
        `select position, leaf, count() as rows from ${table} where position in {positions:Array(UInt64)} group by position, leaf order by position, leaf`,
        { positions: positions.map(({ position }) => position) },
      ),
    ),
  )
  const messageAt = new Map(positions.map(({ position, message }) => [position, message]))
  return elsewhere.map((rows, index) => [
    tables[index],
    rows.map(({ position, leaf, rows: count }) => [messageAt.get(position), placeOf(leaf), count]),
  ])
}

async function mirrored(): Promise<Map<number, number>> {
  const rows = await zhike.core.stores.clickhouse.query<{ leaf: number; root: number }>(
    'select leaf, argMax(root, version) as root from roots group by leaf',
  )
  return new Map(rows.map(({ leaf, root }) => [leaf, root]))
}

async function lastMergeOf(one: { namespace: string; value: string }): Promise<number> {
  const { id } = await api.call<Profile>('POST', '/api/profiles/lookup', one)
  const { history } = await api.call<{ history: { id: number; kind: string }[] }>('GET', `/api/profiles/${id}/identity`)
  const merge = history.findLast(({ kind }) => kind === 'merge')
  if (!merge) throw new Error('nothing was merged')
  return merge.id
}

/** Messages of a story, a minute apart; `without` is what the twins send instead. */
function told(story: string, messages: readonly (Message & { without?: Message })[]) {
  return (side: Side) =>
    messages.map(({ without, ...message }, at) => ({ ...(side === 't' && without ? without : message), at: at + messages.length, story }))
}

test('two people who were merged by an event, and lived on, are after the unmerge what they would have been', async () => {
  const order: Message = { source: 'shop', type: 'track', event: 'Order Completed', user: 'jia', consent: { email: true } }
  const before = told('merged', [
    { source: 'app', type: 'track', event: 'Page Viewed', anonymous: 'phone-of-jia' },
    { source: 'app', type: 'identify', user: 'jia', anonymous: 'phone-of-jia', traits: { name: '甲', city: '上海', tier: 'gold' } },
    { source: 'pos', type: 'identify', phone: '0001', traits: { name: '乙', city: '北京', birthday: '1990-03-15' } },
    { source: 'pos', type: 'track', event: 'Visit Paid', phone: '0001', consent: { sms: true, email: false } },
    { source: 'crm', type: 'identify', phone: '0001', traits: { tier: 'silver', address: '长安街 1 号' } },
    { ...order, phone: '0001', without: order },
    { source: 'app', type: 'identify', user: 'jia', traits: { city: '杭州', name: '甲二' } },
    { source: 'crm', type: 'identify', phone: '0001', email: 'yi', traits: { name: '乙二', size: 'L' } },
    { source: 'app', type: 'track', event: 'Page Viewed', anonymous: 'phone-of-jia' },
    { source: 'app', type: 'track', event: 'Page Viewed', anonymous: 'tablet-of-jia', user: 'jia' },
    { source: 'pos', type: 'track', event: 'Visit Paid', phone: '0001', consent: { sms: false } },
    { source: 'mail', type: 'track', event: 'Mail Opened', email: 'yi' },
  ])
  const known: Named[] = [
    side => named.user(side, 'jia'),
    side => named.phone(side, '0001'),
    side => named.email(side, 'yi'),
    side => named.anonymous(side, 'phone-of-jia'),
    side => named.anonymous(side, 'tablet-of-jia'),
  ]
  await send('m', ...before('m'))
  await send('t', ...before('t'))
  expect(await seen('m', 'merged', known)).toMatchObject({ who: [0, 0, 0, 0, 0], people: [{ traits: { name: '乙二', city: '杭州' } }] })

  await api.call('POST', '/api/identity/unmerge', { merge: await lastMergeOf(named.user('m', 'jia')) })
  await api.call('POST', '/api/flush')
  const twins = await seen('t', 'merged', known)
  expect(twins).toMatchObject({
    who: [0, 1, 1, 0, 0],
    people: [{ traits: { name: '甲二' } }, { traits: { name: '乙二', tier: 'silver' } }],
  })
  expect(await seen('m', 'merged', known)).toEqual(twins)

  const after = told('merged-later', [
    { source: 'app', type: 'identify', user: 'jia', traits: { tier: 'black' } },
    { source: 'mail', type: 'track', event: 'Mail Opened', email: 'yi' },
    { source: 'pos', type: 'identify', phone: '0001', traits: { city: '天津' } },
  ])
  for (const side of ['m', 't'] as const) await send(side, ...after(side))
  expect(await seen('m', 'merged', known)).toEqual(await seen('t', 'merged', known))
})

test('two identifiers that came together in the very first event are cut apart, and their facts follow', async () => {
  const first: Message = { source: 'app', type: 'identify', user: 'bing', traits: { name: '丙', city: '广州' }, consent: { email: true } }
  const before = told('cut', [
    { ...first, phone: '0003', without: first },
    { source: 'pos', type: 'identify', phone: '0003', traits: { name: '丁', city: '深圳', birthday: '1985-12-01' } },
    { source: 'pos', type: 'track', event: 'Visit Paid', phone: '0003', consent: { email: false, sms: true } },
    { source: 'app', type: 'track', event: 'Page Viewed', user: 'bing', anonymous: 'browser-of-bing' },
    { source: 'app', type: 'track', event: 'Page Viewed', anonymous: 'browser-of-bing' },
    { source: 'crm', type: 'identify', phone: '0003', email: 'ding', traits: { address: '深南大道 2 号', tier: 'silver' } },
    { source: 'mail', type: 'track', event: 'Mail Opened', email: 'ding' },
    { source: 'app', type: 'identify', user: 'bing', traits: { name: '丙二', tier: 'gold' } },
  ])
  const known: Named[] = [
    side => named.user(side, 'bing'),
    side => named.phone(side, '0003'),
    side => named.email(side, 'ding'),
    side => named.anonymous(side, 'browser-of-bing'),
  ]
  await send('m', ...before('m'))
  await send('t', ...before('t'))
  expect(await seen('m', 'cut', known)).toMatchObject({ who: [0, 0, 0, 0] })

  const cut = await api.call<{ newLeaves: number[]; factsMove: boolean }>('POST', '/api/identity/unmerge', {
    apart: [named.user('m', 'bing'), named.phone('m', '0003')],
  })
  expect(cut).toMatchObject({ newLeaves: [expect.any(Number)], factsMove: true })
  await api.call('POST', '/api/flush')
  const twins = await seen('t', 'cut', known)
  expect(twins).toMatchObject({ who: [0, 1, 1, 0], people: [{ traits: { name: '丙二' } }, { traits: { name: '丁', city: '深圳' } }] })
  expect(withoutSince(await seen('m', 'cut', known))).toEqual(withoutSince(twins))
})

test('two people who were merged by hand are separated while their events go on coming', async () => {
  const before = told('hand', [
    { source: 'app', type: 'identify', user: 'wu', anonymous: 'browser-of-wu', traits: { name: '戊', city: '成都' } },
    { source: 'pos', type: 'identify', phone: '0005', email: 'ji', traits: { name: '己', city: '重庆' } },
  ])
  const during = told('hand-during', [
    { source: 'app', type: 'track', event: 'Page Viewed', anonymous: 'browser-of-wu' },
    { source: 'pos', type: 'identify', phone: '0005', traits: { tier: 'gold' } },
    { source: 'mail', type: 'identify', email: 'ji', anonymous: 'browser-of-ji', traits: { city: '昆明' } },
    { source: 'app', type: 'identify', user: 'wu', traits: { address: '春熙路 3 号' } },
  ])
  const after = told('hand-after', [
    { source: 'app', type: 'track', event: 'Page Viewed', anonymous: 'browser-of-ji' },
    { source: 'pos', type: 'track', event: 'Visit Paid', phone: '0005' },
    { source: 'app', type: 'track', event: 'Page Viewed', user: 'wu' },
  ])
  const known: Named[] = [
    side => named.user(side, 'wu'),
    side => named.phone(side, '0005'),
    side => named.email(side, 'ji'),
    side => named.anonymous(side, 'browser-of-wu'),
    side => named.anonymous(side, 'browser-of-ji'),
  ]
  for (const side of ['m', 't'] as const) await send(side, ...before(side))
  await api.call('POST', '/api/identity/merge', { a: named.user('m', 'wu'), b: named.email('m', 'ji') })
  for (const side of ['m', 't'] as const) await send(side, ...during(side))
  expect(await seen('m', 'hand', known)).toMatchObject({ who: [0, 0, 0, 0, 0] })
  const merge = await lastMergeOf(named.user('m', 'wu'))
  await Promise.all([send('m', ...after('m')), api.call('POST', '/api/identity/unmerge', { merge }), send('t', ...after('t'))])
  await api.call('POST', '/api/flush')
  const twins = await seen('t', 'hand', known)
  expect(twins).toMatchObject({ who: [0, 1, 1, 0, 1] })
  expect(await seen('m', 'hand', known)).toEqual(twins)
})

test('a phone that was typed wrong once is taken off, with what it brought by itself', async () => {
  const order: Message = { source: 'shop', type: 'track', event: 'Order Completed', user: 'geng' }
  const before = told('take', [
    { source: 'app', type: 'identify', user: 'geng', phone: '0006', traits: { name: '庚' } },
    { ...order, phone: '0007', without: order },
    { source: 'pos', type: 'identify', phone: '0007', traits: { name: '辛', birthday: '1970-01-02' }, consent: { sms: true } },
    { source: 'pos', type: 'track', event: 'Visit Paid', phone: '0006' },
  ])
  const known: Named[] = [side => named.user(side, 'geng'), side => named.phone(side, '0006'), side => named.phone(side, '0007')]
  for (const side of ['m', 't'] as const) await send(side, ...before(side))
  expect(await seen('m', 'take', known)).toMatchObject({ who: [0, 0, 0] })
  await api.call('POST', '/api/identity/unmerge', { take: named.phone('m', '0007') })
  await api.call('POST', '/api/flush')
  const twins = await seen('t', 'take', known)
  expect(twins).toMatchObject({ who: [0, 0, 2], people: [{ traits: { name: '庚' } }, { traits: { name: '辛' } }] })
  expect(withoutSince(await seen('m', 'take', known))).toEqual(withoutSince(twins))
})
