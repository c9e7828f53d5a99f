import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { createApi } from '../http/api.ts'
import { createLogger } from '../http/logger.ts'
import { type Served, serve } from '../http/server.ts'
import { keysFrom } from '../privacy/keys.ts'
import { ApiKeys } from './api-keys.ts'
import { audit, auditEntries } from './audit.ts'
import { firstKeys, firstKeysIn } from './first-keys.ts'
import { accessRoutes } from './routes.ts'
import { confirmSecret } from './secret-check.ts'

const { postgres } = await testStores()
const keys = keysFrom('the secret of these tests')
let now = Date.UTC(2026, 9, 1)
const first = 'zk_the-first-key-of-these-tests'
const apiKeys = new ApiKeys(postgres, keys, () => now)
let served: Served

beforeAll(async () => {
  const app = createApi({
    authenticate: key => apiKeys.callerOf(key),
    logger: createLogger('silent'),
    registry: new Registry(),
    checks: [],
    routes: [api => accessRoutes(api, apiKeys, postgres)],
    version: '0',
  })
  served = await serve(app, async () => false, { host: '127.0.0.1', port: 0, logger: createLogger('silent') })
})
afterAll(() => served.stop())
beforeEach(async () => {
  await postgres.query('truncate api_keys, audit, secret_check')
  await apiKeys.ensureFirst(first)
})

const call = (method: string, path: string, key: string, body?: unknown) =>
  fetch(`${served.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

type Made = { id: string; key: string; permissions: string[]; hint: string }
const made = async (name: string, permissions: string[], by = first) =>
  (await (await call('POST', '/api/keys', by, { name, permissions })).json()) as Made

describe('keys', () => {
  test('the first key has every permission; it is made once', async () => {
    await apiKeys.ensureFirst(first)
    const { keys: listed } = (await (await call('GET', '/api/keys', first)).json()) as { keys: unknown[] }
    expect(listed).toEqual([
      expect.objectContaining({
        name: 'first key',
        hint: 'zk_the-',
        permissions: ['read', 'write', 'personal', 'admin'],
        createdBy: 'start',
      }),
    ])
  })

  test('a made key does what it may at once, here and in another process after its reload', async () => {
    const other = new ApiKeys(postgres, keys, () => now)
    await other.reload()
    const { key, id } = await made('reader', ['read'])
    expect(key).toMatch(/^zk_[\w-]{32}$/)
    expect((await call('GET', '/api/keys', key)).status).toBe(403)
    expect(other.callerOf(key)).toBeUndefined()
    await other.reload()
    expect(other.callerOf(key)).toEqual({ id, name: 'reader', permissions: new Set(['read']) })
  })

  test('a revoked key opens nothing', async () => {
    const { key, id } = await made('admin', ['read', 'admin'])
    expect((await call('GET', '/api/keys', key)).status).toBe(200)
    expect((await call('DELETE', `/api/keys/${id}`, first)).status).toBe(204)
    expect((await call('DELETE', `/api/keys/${id}`, first)).status).toBe(204)
    expect((await call('GET', '/api/keys', key)).status).toBe(401)
  })

  test('neither the key nor anything it could be guessed from is stored', async () => {
    const { key } = await made('reader', ['read'])
    const [row] = await postgres.query<{ all: string }>("select string_agg(api_keys::text, ' ') as all from api_keys")
    expect(row?.all).not.toContain(key)
    expect(row?.all).not.toContain(key.slice(0, 10))
    expect(new ApiKeys(postgres, keysFrom('another secret entirely'), () => now).callerOf(key)).toBeUndefined()
  })

  test('nobody gives what he has not', async () => {
    const { key } = await made('key manager', ['admin'])
    const response = await call('POST', '/api/keys', key, { name: 'more', permissions: ['personal', 'admin'] })
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ code: 'not-permitted', detail: expect.stringContaining('personal') })
  })

  test('the last key that manages keys cannot be revoked', async () => {
    await made('reader', ['read'])
    const row = (await apiKeys.list()).find(({ name }) => name === 'first key')
    const response = await call('DELETE', `/api/keys/${row?.id}`, first)
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([409, 'last-admin'])
    expect((await call('DELETE', '/api/keys/key_unknown', first)).status).toBe(404)
  })

  test('of two revoked at the same time, the last one that manages keys stays', async () => {
    const { id } = await made('second admin', ['admin'])
    const firstId = (await apiKeys.list()).find(({ name }) => name === 'first key')?.id
    const statuses = await Promise.all(
      [call('DELETE', `/api/keys/${id}`, first), call('DELETE', `/api/keys/${firstId}`, first)].map(async one => (await one).status),
    )
    expect(statuses.sort()).toEqual([204, 409])
  })

  test('a list shows when a key was last used', async () => {
    now += 60_000
    const { key, id } = await made('reader', ['read'])
    await call('GET', '/api/keys', key)
    expect((await apiKeys.list()).find(one => one.id === id)?.lastUsedAt).toBe(new Date(now).toISOString())
  })

  test('a name is needed, permissions are known ones', async () => {
    expect((await call('POST', '/api/keys', first, { name: ' ', permissions: ['read'] })).status).toBe(422)
    expect((await call('POST', '/api/keys', first, { name: 'x', permissions: ['root'] })).status).toBe(422)
    expect((await call('POST', '/api/keys', first, { name: 'x', permissions: [] })).status).toBe(422)
  })
})

test('who did what is kept, newest first, in pages', async () => {
  const { id } = await made('reader', ['read'])
  await call('DELETE', `/api/keys/${id}`, first)
  await postgres.transaction(tx =>
    audit(tx, now, { who: 'key_x', did: 'dictionary.change', what: 'event:Visit Paid', details: { fields: ['zh'] } }),
  )
  const { entries } = (await (await call('GET', '/api/audit?limit=3', first)).json()) as {
    entries: { id: number; did: string; what: string }[]
  }
  expect(entries.map(({ did }) => did)).toEqual(['dictionary.change', 'key.revoke', 'key.create'])
  expect(entries[1]?.what).toBe(id)
  expect((await auditEntries(postgres, 10, entries[2]?.id)).map(({ who, did }) => [who, did])).toEqual([['start', 'key.create']])
})

test('a store that was written under another secret is refused', async () => {
  await confirmSecret(postgres, keys)
  await confirmSecret(postgres, keysFrom('the secret of these tests'))
  await expect(confirmSecret(postgres, keysFrom('another secret'))).rejects.toMatchObject({ code: 'other-secret' })
})

describe('first keys', () => {
  const directory = mkdtempSync(join(tmpdir(), 'zhike-first-keys-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  const none = { apiKey: undefined, writeKey: undefined }

  test('they are made once, kept for their owner only, and the environment wins', () => {
    const dataDir = join(directory, 'a')
    expect(firstKeysIn(dataDir)).toBeUndefined()
    const made = firstKeys(dataDir, none)
    expect(made).toEqual({
      apiKey: expect.stringMatching(/^zk_[\w-]{32}$/),
      writeKey: expect.stringMatching(/^zw_[\w-]{32}$/),
      isNew: true,
    })
    expect(statSync(join(dataDir, 'keys.json')).mode & 0o777).toBe(0o600)
    expect(firstKeys(dataDir, none)).toEqual({ ...made, isNew: false })
    expect(firstKeys(dataDir, { apiKey: 'given-key', writeKey: undefined })).toEqual({
      apiKey: 'given-key',
      writeKey: made.writeKey,
      isNew: false,
    })
    expect(JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8'))).toEqual({ apiKey: 'given-key', writeKey: made.writeKey })
  })

  test('a damaged file is a sentence, not new keys', () => {
    writeFileSync(join(directory, 'keys.json'), '{"apiKey":')
    expect(() => firstKeys(directory, none)).toThrow('damaged')
  })
})
