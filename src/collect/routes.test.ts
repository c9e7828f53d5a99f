import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { ApiKeys } from '../access/api-keys.ts'
import { createApi } from '../http/api.ts'
import { createLogger } from '../http/logger.ts'
import { type Served, serve } from '../http/server.ts'
import { keysFrom } from '../privacy/keys.ts'
import { startCollector, type TestCollector } from './collector.fixture.ts'
import { saveRejected } from './rejected.ts'
import { collectRoutes } from './routes.ts'
import { openSourceRegistry, type SourceRegistry } from './source-registry.ts'

const { postgres } = await testStores()
const keys = keysFrom('the secret of these tests')
const now = Date.UTC(2026, 9, 1)
const apiKeys = new ApiKeys(postgres, keys, () => now)
const admin = 'zk_the-first-key-of-these-tests'
let reader = ''
let served: Served
let registry: SourceRegistry
let collector: TestCollector

beforeAll(async () => {
  registry = await openSourceRegistry(postgres, keys, () => now)
  collector = await startCollector({ now: () => now, sources: registry })
  const app = createApi({
    authenticate: key => apiKeys.callerOf(key),
    logger: createLogger('silent'),
    registry: new Registry(),
    checks: [],
    routes: [api => collectRoutes(api, { postgres, keys, log: collector.log, now: () => now, changed: () => registry.refresh() })],
    version: '0',
  })
  served = await serve(app, async () => false, { host: '127.0.0.1', port: 0, logger: createLogger('silent') })
  await apiKeys.ensureFirst(admin)
  const first = await apiKeys.callerOf(admin)
  if (!first) throw new Error('the first key is there')
  reader = (await apiKeys.create({ name: 'reader', permissions: ['read'] }, first)).key
})
afterAll(async () => {
  await served.stop()
  registry.close()
  await collector.close()
})

async function call(method: string, path: string, body?: unknown, key = admin): Promise<{ status: number; body: never }> {
  const answer = await fetch(`${served.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as never }
}

const send = (writeKey: string, body: unknown = { event: 'A', userId: 'u1' }) =>
  fetch(`${collector.url}/v1/track`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}` },
  })

describe('/api/sources', () => {
  let writeKey = ''

  test('a source is added, and its key lets in at once', async () => {
    const added = await call('POST', '/api/sources', { key: 'web-shop', name: 'Web shop', kind: 'web' })
    expect(added).toMatchObject({
      status: 201,
      body: { key: 'web-shop', kind: 'web', enabled: true, writeKey: expect.stringMatching(/^zw_.{32}$/) },
    })
    writeKey = (added.body as { writeKey: string }).writeKey
    expect((await send(writeKey)).status).toBe(200)
    expect((await collector.events()).at(-1)).toMatchObject({ source: 'web-shop', channel: 'web' })
    expect(await call('POST', '/api/sources', { key: 'web-shop', name: 'x' })).toMatchObject({
      status: 409,
      body: { code: 'source-exists' },
    })
    expect(await call('POST', '/api/sources', { key: 'Web Shop', name: 'x' })).toMatchObject({ status: 422 })
  })

  test('it is disabled and enabled', async () => {
    expect(await call('PUT', '/api/sources/web-shop', { enabled: false })).toMatchObject({
      status: 200,
      body: { name: 'Web shop', enabled: false },
    })
    expect((await send(writeKey)).status).toBe(404)
    await call('PUT', '/api/sources/web-shop', { enabled: true, name: 'Shop' })
    expect((await send(writeKey)).status).toBe(200)
    expect(await call('GET', '/api/sources/web-shop', undefined, reader)).toMatchObject({
      status: 200,
      body: { name: 'Shop', kind: 'web' },
    })
    expect(await call('PUT', '/api/sources/none', { name: 'x' })).toMatchObject({ status: 404, body: { code: 'unknown-source' } })
  })

  test('its key is replaced: the old one is taken for a while, or no more', async () => {
    const { body } = await call('POST', '/api/sources/web-shop/rotate')
    const { writeKey: second } = body as { writeKey: string }
    expect([(await send(writeKey)).status, (await send(second)).status]).toEqual([200, 200])
    const { body: listed } = await call('GET', '/api/sources/web-shop/write-keys')
    expect(listed).toMatchObject({
      writeKeys: expect.arrayContaining([
        { id: expect.any(String), key: writeKey, createdAt: expect.any(String), expiresAt: '2026-10-08T00:00:00.000Z' },
      ]),
    })
    const { body: third } = await call('POST', '/api/sources/web-shop/rotate?keepOldForSeconds=0')
    expect([
      (await send(writeKey)).status,
      (await send(second)).status,
      (await send((third as { writeKey: string }).writeKey)).status,
    ]).toEqual([401, 401, 200])
    expect(await call('GET', '/api/sources/web-shop/write-keys', undefined, reader)).toMatchObject({ status: 403 })
  })

  test('one write key is taken away', async () => {
    const { body } = await call('POST', '/api/sources', { key: 'app', name: 'App' })
    const { writeKey: key } = body as { writeKey: string }
    const { body: listed } = await call('GET', '/api/sources/app/write-keys')
    const [only] = (listed as { writeKeys: { id: string }[] }).writeKeys
    expect((await call('DELETE', `/api/sources/app/write-keys/${only?.id}`)).status).toBe(204)
    expect((await send(key)).status).toBe(401)
    expect((await call('DELETE', `/api/sources/app/write-keys/${only?.id}`)).status).toBe(404)
  })

  test('one that never sent is removed; readers change nothing', async () => {
    await call('POST', '/api/sources', { key: 'mistake', name: 'Mistake' })
    expect((await call('DELETE', '/api/sources/mistake', undefined, reader)).status).toBe(403)
    expect((await call('DELETE', '/api/sources/mistake')).status).toBe(204)
    const { body } = await call('GET', '/api/sources', undefined, reader)
    expect((body as { sources: { key: string }[] }).sources.map(({ key }) => key)).toEqual(['app', 'web-shop'])
  })
})

describe('/api/rejected', () => {
  const item = {
    format: 'segment',
    form: 'batch',
    channel: 'web',
    ip: '',
    message: { type: 'track', event: 'Skin Test', properties: { phone: '19900000009', score: 3 } },
  }
  beforeAll(() =>
    postgres.transaction(tx =>
      saveRejected(tx, keys, [
        {
          position: 10,
          source: 'web-shop',
          receivedAt: now,
          rejection: { code: 'no_identifier', path: 'userId', message: 'Send userId.' },
          item,
        },
        {
          position: 11,
          source: 'web-shop',
          receivedAt: now + 1000,
          rejection: { code: 'unknown_type', path: 'type', message: 'No.' },
          item,
        },
      ]),
    ),
  )

  test('shows the shape of items, and their values only to who may see personal data', async () => {
    expect(await call('GET', '/api/rejected?code=no_identifier', undefined, reader)).toEqual({
      status: 200,
      body: {
        rejected: [
          {
            id: '10',
            source: 'web-shop',
            receivedAt: '2026-10-01T00:00:00.000Z',
            rejection: { code: 'no_identifier', path: 'userId', message: 'Send userId.' },
            item: { type: 'track', event: 'Skin Test', properties: { phone: 'text, 11 characters', score: 'number' } },
          },
        ],
      },
    })
    expect(await call('GET', '/api/rejected?clear=true', undefined, reader)).toMatchObject({ status: 403, body: { code: 'personal-data' } })
    expect(await call('GET', '/api/rejected?clear=true&limit=1')).toMatchObject({
      body: { rejected: [{ id: '11', item: item.message }], next: '11' },
    })
    expect(await call('GET', '/api/rejected?from=2026-10-01T00:00:01Z')).toMatchObject({ body: { rejected: [{ id: '11' }] } })
    expect(await call('GET', '/api/rejected/counts', undefined, reader)).toMatchObject({
      body: {
        counts: [
          { code: 'no_identifier', count: 1 },
          { code: 'unknown_type', count: 1 },
        ],
      },
    })
    expect(await call('GET', '/api/rejected?limit=0')).toMatchObject({ status: 400 })
  })

  test('are sent again corrected, by id or by filter', async () => {
    expect(await call('POST', '/api/rejected/replay', { ids: ['10'] })).toMatchObject({
      body: { replayed: 0, refused: [{ id: '10', rejection: { code: 'no_identifier' } }] },
    })
    expect(await call('POST', '/api/rejected/replay', { items: [{ id: '10', item: { ...item.message, userId: 'u5' } }] })).toMatchObject({
      body: { replayed: 1, refused: [] },
    })
    expect((await collector.events()).at(-1)).toMatchObject({ event: 'Skin Test', receivedAt: now, identifiers: [{ value: 'u5' }] })
    expect(await call('GET', '/api/rejected?replayed=true')).toMatchObject({
      body: { rejected: [{ id: '10', replayedAt: '2026-10-01T00:00:00.000Z' }] },
    })
    expect(await call('POST', '/api/rejected/replay', { filter: { source: 'web-shop', to: '2026-10-01T00:00:01Z' } })).toMatchObject({
      body: { replayed: 0, refused: [] },
    })
    expect(await call('POST', '/api/rejected/replay', { everything: true })).toMatchObject({ status: 422 })
    expect((await call('POST', '/api/rejected/replay', { ids: ['11'] }, reader)).status).toBe(403)
  })

  test('who looked and who changed is audited', async () => {
    const rows = await postgres.query<{ did: string }>('select distinct did from audit order by did')
    expect(rows.map(({ did }) => did)).toEqual(
      expect.arrayContaining([
        'rejected.read',
        'rejected.replay',
        'source.add',
        'source.change',
        'source.remove',
        'source.remove-key',
        'source.rotate',
      ]),
    )
  })
})
