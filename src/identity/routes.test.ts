import { Validator } from '@seriousme/openapi-schema-validator'
import { Registry } from 'prom-client'
import { beforeEach, expect, test } from 'vitest'
import { identityStore } from '../../test/identity-store.ts'
import { auditEntries } from '../access/audit.ts'
import { permissions } from '../access/caller.ts'
import { createApi } from '../http/api.ts'
import { createLogger } from '../http/logger.ts'
import { identityRoutes } from './routes.ts'

const store = await identityStore()
const { postgres, keys, take, find } = store
const now = Date.UTC(2026, 9, 1)
const api = createApi({
  authenticate: () => ({ id: 'key_tester', name: 'tester', permissions: new Set(permissions) }),
  logger: createLogger('silent'),
  registry: new Registry(),
  checks: [],
  routes: [app => identityRoutes(app, { postgres, keys, now: () => now })],
  version: '0',
})

beforeEach(async () => {
  await store.forget()
  await postgres.query('truncate audit')
})

// biome-ignore lint/suspicious/noExplicitAny: answers are compared with literals
type Answer = any

async function ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: Answer }> {
  const response = await api.request(path, {
    method,
    headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

const id = (namespace: string, value: string) => ({ namespace, value })
const user = (value: string) => id('user_id', value)
const phone = (n: number) => id('phone', `1990000000${n}`)
const explained = async (a: object, b: object) => (await ask('POST', '/api/identity/explain', { a, b })).body

async function profileOf(named: { namespace: string; value: string }): Promise<number | undefined> {
  return (await find(named.namespace, named.value))?.profile
}

test('a profile shows its identifiers, links and merges, masked; a merged-away id answers with the survivor', async () => {
  await take({ user_id: 'user-1001' }, { phone: '19900000001', device_id: 'device-77' }, { user_id: 'user-1001', phone: '19900000001' })
  const { status, body } = await ask('GET', '/api/profiles/2/identity')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    id: '1',
    identifiers: [
      { namespace: 'user_id', value: 'us****01', state: 'linked', leaf: 1 },
      { namespace: 'phone', value: '+86199****0001', state: 'linked', leaf: 2 },
      { namespace: 'device_id', state: 'linked', leaf: 2 },
    ],
    links: [
      { a: { namespace: 'phone' }, b: { namespace: 'device_id' }, state: 'linked', source: 'test', position: '2', confidence: 0.8 },
      { a: { namespace: 'user_id' }, b: { namespace: 'phone' }, state: 'linked', position: '3', rule: 'together', confidence: 0.95 },
    ],
    moreLinks: 0,
    history: [
      {
        kind: 'merge',
        survivor: '1',
        merged: '2',
        leaves: [2],
        by: 'test',
        met: { survivor: { namespace: 'user_id' }, merged: { namespace: 'phone' } },
      },
    ],
    conflicts: [],
    blocks: [],
    review: [],
  })
  expect(JSON.stringify(body)).not.toMatch(/19900000001|user-1001|device-77/)
  expect((await ask('GET', '/api/profiles/99/identity')).status).toBe(404)
})

test('a conflict is shown on both sides, with what it was about', async () => {
  await take({ user_id: 'u1', phone: '19900000001' }, { user_id: 'u2' }, { user_id: 'u2', phone: '19900000001' })
  for (const profile of [1, 2]) {
    const { body } = await ask('GET', `/api/profiles/${profile}/identity`)
    expect(body.conflicts).toMatchObject([
      { reason: 'unique', target: { namespace: 'user_id' }, subject: { namespace: 'phone' }, count: 1 },
    ])
    expect(body.review).toMatchObject([{ kind: 'conflict', state: 'open', subject: { profile: '1' }, opponent: { profile: '2' } }])
  }
})

test('two identifiers are one person by the shortest way of links', async () => {
  await take({ user_id: 'u1', phone: '19900000001' }, { phone: '19900000001', email: 'a@example.com' }, { user_id: 'u1', device_id: 'd1' })
  const answer = await explained(id('email', 'a@example.com'), id('device_id', 'd1'))
  expect(answer).toMatchObject({ onePerson: true, code: 'linked' })
  expect(answer.path.map((link: Answer) => [link.a.namespace, link.b.namespace, link.position])).toEqual([
    ['email', 'phone', '2'],
    ['phone', 'user_id', '1'],
    ['user_id', 'device_id', '3'],
  ])
  expect(answer.sentence.en).toContain('3 links')
  expect(answer.sentence.zh).toContain('3 条关联')
})

test('why two identifiers are not one person', async () => {
  await take(
    { user_id: 'u1', phone: '19900000001' },
    { user_id: 'u2' },
    { user_id: 'u3' },
    { email: 'b@example.com' },
    { user_id: 'u2', phone: '19900000001' },
    { user_id: 'u1', device_id: 'd1' },
    { user_id: 'u2', device_id: 'd1' },
    { coupon: 'c1' },
  )
  expect(await explained(phone(1), id('user_id', 'u2'))).toMatchObject({
    onePerson: false,
    code: 'conflict',
    obstacles: [{ reason: 'unique', namespace: 'user_id', identifiers: [{}, {}] }],
    conflicts: [{ reason: 'unique' }],
  })
  expect(await explained(user('u1'), user('u3'))).toMatchObject({ code: 'would-conflict', conflicts: [] })
  expect(await explained(user('u1'), id('email', 'b@example.com'))).toMatchObject({ code: 'never-together', obstacles: [] })
  expect(await explained(user('u1'), id('device_id', 'd1'))).toMatchObject({ code: 'shared', b: { state: 'shared' } })
  expect(await explained(user('u1'), user('nobody-knows'))).toMatchObject({ code: 'unknown' })
  expect(await explained(user('u1'), id('phone', 'abc'))).toMatchObject({ code: 'unusable', b: { fault: 'invalid' } })
  expect(await explained(user('null'), user('u1'))).toMatchObject({ code: 'unusable', a: { fault: 'blocked' } })
  expect(await explained(user('u1'), id('coupon', 'c1'))).toMatchObject({ code: 'unlinked' })
  expect(await explained(phone(1), id('phone', '+86 199 0000 0001'))).toMatchObject({ code: 'same-identifier', onePerson: true })
})

test('what was taken off a person is nobody’s, and its link is a former one', async () => {
  await take({ user_id: 'u1', phone: '19900000001' }, { unbind: { phone: '19900000001' } })
  expect(await explained(user('u1'), phone(1))).toMatchObject({ onePerson: false, code: 'nobody', b: { state: 'nobody' } })
  expect((await ask('GET', '/api/profiles/1/identity')).body.links).toMatchObject([{ state: 'former', confidence: 0 }])
  await take({ user_id: 'u1', phone: '19900000001' })
  expect(await explained(user('u1'), phone(1))).toMatchObject({ onePerson: true, path: [{ position: '3', state: 'linked' }] })
})

test('a merge by hand is evidence with who and when, and is undone like any other', async () => {
  await take({ user_id: 'u1' }, { phone: '19900000001', anonymous_id: 'a1' })
  const merged = await ask('POST', '/api/identity/merge', { a: { profile: '1' }, b: id('anonymous_id', 'a1') })
  expect(merged).toEqual({ status: 200, body: { profile: '1', merged: true } })
  expect(await explained(user('u1'), id('anonymous_id', 'a1'))).toMatchObject({
    onePerson: true,
    path: [{ rule: 'hand', source: 'key_tester', confidence: 1, at: '2026-10-01T00:00:00.000Z' }, { rule: 'together' }],
  })
  expect((await ask('POST', '/api/identity/merge', { a: user('u1'), b: phone(1) })).body).toEqual({ profile: '1', merged: false })
  const { body: view } = await ask('GET', '/api/profiles/1/identity')
  expect(view.history).toMatchObject([{ kind: 'merge', by: 'key_tester' }])
  const undone = await ask('POST', '/api/identity/unmerge', { merge: view.history[0].id })
  expect(undone).toMatchObject({ status: 200, body: { profiles: ['1', '2'], newLeaves: [], factsMove: false } })
  expect([await profileOf(user('u1')), await profileOf(phone(1)), await profileOf(id('anonymous_id', 'a1'))]).toEqual([1, 2, 2])
  expect((await auditEntries(postgres, 10)).map(({ who, did }) => [who, did])).toEqual([
    ['key_tester', 'identity.unmerge'],
    ['key_tester', 'identity.merge'],
  ])
})

test('a merge by hand obeys unique values, limits and blocks, and says what stands between', async () => {
  await take({ user_id: 'u1', phone: '19900000001' }, { user_id: 'u2' })
  await take({ email: 'a@example.com', phone: '19900000002' }, { email: 'a@example.com', phone: '19900000003' })
  await take({ email: 'a@example.com', phone: '19900000004' })
  const unique = await ask('POST', '/api/identity/merge', { a: user('u1'), b: user('u2') })
  expect(unique).toMatchObject({ status: 409, body: { code: 'conflict-unique', details: [{ path: 'user_id' }] } })
  const limit = await ask('POST', '/api/identity/merge', { a: user('u1'), b: id('email', 'a@example.com') })
  expect(limit).toMatchObject({ status: 409, body: { code: 'conflict-limit', details: [{ path: 'phone' }] } })
  expect(await profileOf(user('u1'))).not.toBe(await profileOf(id('email', 'a@example.com')))
  expect(await postgres.query(`select from identity_conflicts`)).toEqual([])

  await ask('POST', '/api/identity/unmerge', { apart: [user('u1'), phone(1)] })
  const blocked = await ask('POST', '/api/identity/merge', { a: user('u1'), b: phone(1) })
  expect(blocked).toMatchObject({ status: 409, body: { code: 'conflict-blocked-pair', details: [{ path: 'blocks' }] } })
  expect(await explained(user('u1'), phone(1))).toMatchObject({ code: 'blocked-pair', onePerson: false })
  expect(JSON.stringify([unique, limit, blocked])).not.toMatch(/1990000000\d|example\.com"/)
})

test('a lifted block lets the two be one person again, and the new link counts when identity is derived anew', async () => {
  await take({ user_id: 'u1', phone: '19900000001' })
  await ask('POST', '/api/identity/unmerge', { apart: [user('u1'), phone(1)] })
  const { body: view } = await ask('GET', '/api/profiles/1/identity')
  expect(view.blocks).toMatchObject([{ by: 'key_tester' }])
  expect(view.links).toMatchObject([{ state: 'cut' }])
  const [{ a, b }] = view.blocks
  expect((await ask('POST', '/api/identity/unblock', { a: { ref: a.ref }, b: { ref: b.ref } })).status).toBe(204)
  expect((await ask('POST', '/api/identity/unblock', { a: { ref: a.ref }, b: { ref: b.ref } })).status).toBe(404)
  expect((await ask('POST', '/api/identity/merge', { a: user('u1'), b: phone(1) })).body.merged).toBe(true)
  expect(await explained(user('u1'), phone(1))).toMatchObject({ onePerson: true, code: 'linked' })
  expect((await ask('POST', '/api/identity/rebuild', { dryRun: true })).body.counts).toMatchObject({ merges: 0, splits: 0 })
})

test('a shared identifier cannot stand for a person, and a person without identifiers cannot be merged', async () => {
  await take({ user_id: 'u1', device_id: 'd1' }, { user_id: 'u2', device_id: 'd1' }, { device_id: 'd1' }, { coupon: 'c1' })
  const shared = await ask('POST', '/api/identity/merge', { a: user('u1'), b: id('device_id', 'd1') })
  expect(shared).toMatchObject({ status: 409, body: { code: 'identifier-shared' } })
  expect(await ask('POST', '/api/identity/merge', { a: user('u1'), b: id('coupon', 'c1') })).toMatchObject({
    status: 409,
    body: { code: 'identifier-unlinked' },
  })
  expect(await ask('POST', '/api/identity/merge', { a: { profile: '77' }, b: user('u1') })).toMatchObject({ status: 404 })
  expect(await ask('POST', '/api/identity/merge', { a: user('never'), b: user('u1') })).toMatchObject({ status: 404 })
})

test('a question in the review queue is decided once, with who and when', async () => {
  await take({ user_id: 'u1', phone: '19900000001' }, { user_id: 'u2' }, { user_id: 'u2', phone: '19900000001' })
  const { body: queue } = await ask('GET', '/api/identity/review')
  expect(queue.entries).toMatchObject([
    { kind: 'conflict', state: 'open', reason: 'unique', evidence: { events: [{ identifiers: [{}, {}], position: '3' }] } },
  ])
  const path = `/api/identity/review/${queue.entries[0].id}`
  expect(await ask('POST', path, { decision: 'accept' })).toMatchObject({ status: 409, body: { code: 'conflict-unique' } })
  expect((await ask('GET', '/api/identity/review?state=open')).body.entries).toHaveLength(1)
  const decided = await ask('POST', path, { decision: 'reject', note: 'mother and daughter' })
  expect(decided.body).toMatchObject({
    state: 'rejected',
    decidedBy: 'key_tester',
    decidedAt: '2026-10-01T00:00:00.000Z',
    note: 'mother and daughter',
  })
  expect(await ask('POST', path, { decision: 'accept' })).toMatchObject({ status: 409, body: { code: 'already-decided' } })
  expect(await explained(user('u2'), phone(1))).toMatchObject({ code: 'blocked-pair' })
  expect((await ask('GET', '/api/identity/review?state=open')).body.entries).toEqual([])
})

test('accepting a conflict merges once nothing forbids it any more', async () => {
  await take(...[1, 2, 3].map(n => ({ user_id: 'u1', phone: `1990000000${n}` })), { user_id: 'u1', phone: '19900000004' })
  const { body: queue } = await ask('GET', '/api/identity/review?kind=conflict')
  expect(queue.entries).toMatchObject([{ reason: 'limit' }])
  const { body: namespace } = await ask('GET', '/api/identity/namespaces/phone')
  expect((await ask('PUT', '/api/identity/namespaces/phone', { ...namespace.document, limit: 4 })).status).toBe(200)
  expect((await ask('POST', `/api/identity/review/${queue.entries[0].id}`, { decision: 'accept' })).body.state).toBe('accepted')
  expect(await profileOf(phone(4))).toBe(await profileOf(user('u1')))
})

test('accepting a hub blocks the value, rejecting a blocked value lets it link', async () => {
  await take(...Array.from({ length: 14 }, (_, n) => ({ user_id: `u${n}`, device_id: 'kiosk' })))
  const { body: queue } = await ask('GET', '/api/identity/review?kind=hub')
  expect(queue.entries).toMatchObject([{ kind: 'hub', evidence: { people: expect.any(Number) } }])
  await ask('POST', `/api/identity/review/${queue.entries[0].id}`, { decision: 'accept' })
  expect((await find('device_id', 'kiosk'))?.state).toBe('blocked')
  expect(await explained(user('u1'), id('device_id', 'kiosk'))).toMatchObject({ code: 'blocked' })

  await take(...Array.from({ length: 26 }, (_, n) => ({ user_id: `x${n}`, phone: '19900000009' })))
  const [blocked] = (await ask('GET', '/api/identity/review?kind=blocked-value')).body.entries
  expect(blocked).toMatchObject({ reason: 'blocked', subject: { namespace: 'phone' } })
  expect((await find('phone', '19900000009'))?.state).toBe('blocked')
  await ask('POST', `/api/identity/review/${blocked.id}`, { decision: 'reject' })
  expect((await find('phone', '19900000009'))?.state).toBe('linked')
})

test('the queue is read in pages, open questions first', async () => {
  await take(...[1, 2, 3].map(n => ({ user_id: `a${n}`, phone: `1990000000${n}` })))
  await take(...[1, 2, 3].map(n => ({ user_id: `b${n}`, phone: `1990000000${n}` })))
  const all = (await ask('GET', '/api/identity/review')).body.entries.map((entry: Answer) => entry.id)
  await ask('POST', `/api/identity/review/${all[0]}`, { decision: 'reject' })
  const first = (await ask('GET', '/api/identity/review?limit=2')).body
  const second = (await ask('GET', `/api/identity/review?limit=2&cursor=${first.next}`)).body
  expect([...first.entries, ...second.entries].map((entry: Answer) => [entry.id, entry.state])).toEqual([
    [all[1], 'open'],
    [all[2], 'open'],
    [all[0], 'rejected'],
  ])
  expect(second.next).toBeUndefined()
})

test('deriving anew shows the difference first and applies exactly that', async () => {
  await take({ user_id: 'u1', phone: '19900000001' }, { user_id: 'u2', phone: '19900000001' }, { user_id: 'u2', coupon: 'c1' })
  const { body: namespace } = await ask('GET', '/api/identity/namespaces/user_id')
  await ask('PUT', '/api/identity/namespaces/user_id', { ...namespace.document, unique: false, limit: 5 })
  const seen = await ask('POST', '/api/identity/rebuild', { dryRun: true })
  expect(seen.body).toMatchObject({
    applied: false,
    counts: { merges: 1, splits: 0 },
    examples: { merges: [{ profile: '1', with: ['2'] }] },
  })
  expect(await profileOf(user('u2'))).toBe(2)
  expect((await ask('POST', '/api/identity/rebuild', { confirm: 'something else' })).body.code).toBe('difference-changed')
  const applied = await ask('POST', '/api/identity/rebuild', { confirm: seen.body.difference })
  expect(applied.body).toMatchObject({ applied: true, difference: seen.body.difference })
  expect([await profileOf(user('u1')), await profileOf(user('u2')), await profileOf(phone(1))]).toEqual([1, 1, 1])
  expect((await ask('POST', '/api/identity/rebuild', { dryRun: true })).body.counts).toMatchObject({ merges: 0, splits: 0, identifiers: 0 })
  expect((await auditEntries(postgres, 1))[0]).toMatchObject({ did: 'identity.rebuild', who: 'key_tester' })
  const { body: view } = await ask('GET', '/api/profiles/1/identity')
  expect(view.history).toMatchObject([{ kind: 'rebuild', by: 'key_tester' }])
})

test('a namespace is added, changed and removed, and every change is audited and takes effect', async () => {
  const card = {
    key: 'coupon',
    name: { zh: '券号', en: 'Coupon' },
    format: 'text',
    class: 'strong',
    priority: 55,
    unique: false,
    scope: 'none',
    disputed: 'review',
    blocked: [],
    learn: {},
  }
  expect((await ask('PUT', '/api/identity/namespaces/coupon', card)).body).toMatchObject({ origin: 'own', identifiers: 0 })
  await take({ user_id: 'u1' }, { coupon: 'c1' }, { user_id: 'u1', coupon: 'c1' })
  expect(await profileOf(id('coupon', 'c1'))).toBe(1)
  expect((await ask('DELETE', '/api/identity/namespaces/coupon')).body.code).toBe('namespace-in-use')
  const format = await ask('PUT', '/api/identity/namespaces/coupon', { ...card, format: 'email' })
  expect(format).toMatchObject({ status: 409, body: { code: 'namespace-in-use', details: [{ path: 'format' }] } })
  const scope = await ask('PUT', '/api/identity/namespaces/coupon', { ...card, scope: 'required' })
  expect(scope).toMatchObject({ status: 409, body: { details: [{ path: 'scope' }] } })
  expect((await ask('PUT', '/api/identity/namespaces/coupon', { ...card, priority: 56, scope: 'optional' })).status).toBe(200)
  expect((await auditEntries(postgres, 10)).map(({ did, details }) => [did, details])).toEqual([
    ['namespace.change', { changed: ['priority', 'scope'] }],
    ['namespace.change', { changed: expect.arrayContaining(['key', 'class']) }],
  ])
})

test('a default namespace goes back to what it was', async () => {
  const { body } = await ask('GET', '/api/identity/namespaces/email')
  expect(body.origin).toBe('default')
  expect((await ask('PUT', '/api/identity/namespaces/email', { ...body.document, limit: 9 })).body).toMatchObject({ origin: 'changed' })
  expect((await ask('DELETE', '/api/identity/namespaces/email')).status).toBe(204)
  expect((await ask('GET', '/api/identity/namespaces/email')).body).toEqual(body)
  expect((await ask('DELETE', '/api/identity/namespaces/email')).body.code).toBe('default-namespace')
  expect((await ask('DELETE', '/api/identity/namespaces/nothing')).status).toBe(404)
})

test('a namespace that contradicts itself is refused, by path', async () => {
  const { body } = await ask('GET', '/api/identity/namespaces/phone')
  const faults = async (changes: object) =>
    (await ask('PUT', '/api/identity/namespaces/phone', { ...body.document, ...changes })).body.details?.map(
      (detail: Answer) => detail.path,
    )
  expect(await faults({ class: 'weak', unique: true, limit: 2 })).toEqual(['unique', 'limit'])
  expect(await faults({ limit: undefined, window: '30d' })).toEqual(['window'])
  expect(await faults({ learn: { propose: 9, block: 9 } })).toEqual(['learn.propose'])
  expect(await faults({ blocked: ['x', '**'] })).toEqual(['blocked[1]'])
  expect(await faults({ priority: 0 })).toEqual(['priority'])
  expect(await faults({ key: 'telephone' })).toEqual(['key'])
})

test('the description of these routes is valid', async () => {
  const { body } = await ask('GET', '/api/openapi.json')
  expect(await new Validator().validate(body)).toMatchObject({ valid: true })
  expect(body.paths['/api/identity/unmerge'].post.requestBody.content['application/json'].schema).toMatchObject({ anyOf: [{}, {}, {}] })
})

test('only an administrator changes namespaces or derives anew', async () => {
  const { body } = await ask('GET', '/api/openapi.json')
  const permission = (path: string, method: string) => body.paths[path][method]['x-permission']
  expect([
    permission('/api/identity/namespaces/{key}', 'put'),
    permission('/api/identity/namespaces/{key}', 'delete'),
    permission('/api/identity/rebuild', 'post'),
  ]).toEqual(['admin', 'admin', 'admin'])
})
