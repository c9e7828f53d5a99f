import { beforeEach, describe, expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { keysFrom } from '../privacy/keys.ts'
import { openSourceRegistry } from './source-registry.ts'
import { allSources, changeSource, createSource, deleteSource, type Source } from './sources.ts'
import { addWriteKey, ensureSource, removeWriteKey, rotateWriteKey, writeKeysOf } from './write-keys.ts'

const { postgres } = await testStores()
const keys = keysFrom('the secret of these tests')
let now = Date.UTC(2026, 9, 1)
const shop: Source = { key: 'shop', name: 'Shop', kind: 'web', enabled: true, createdAt: now }

beforeEach(async () => {
  await postgres.query('truncate sources, write_keys, rejected, source_stats')
  await postgres.query('update source_revision set revision = revision + 1')
})

async function add(source = shop, writeKey = 'zw_1'): Promise<void> {
  await postgres.transaction(async tx => {
    await createSource(tx, source)
    await addWriteKey(tx, keys, source.key, writeKey, now)
  })
}

describe('sources', () => {
  test('are made, changed and listed; a key is taken once', async () => {
    await add()
    expect(await postgres.transaction(tx => changeSource(tx, 'shop', { enabled: false }))).toEqual({ ...shop, enabled: false })
    expect(await allSources(postgres)).toEqual([{ ...shop, enabled: false }])
    await expect(add(shop, 'zw_2')).rejects.toMatchObject({ status: 409, code: 'source-exists' })
    await expect(add({ ...shop, key: 'other' }, 'zw_1')).rejects.toMatchObject({ status: 409, code: 'write-key-taken' })
  })

  test('one that has sent is not removed', async () => {
    await add()
    await postgres.query(`insert into source_stats (source, hour, accepted, last_at) values ('shop', now(), 1, now())`)
    await expect(postgres.transaction(tx => deleteSource(tx, 'shop'))).rejects.toMatchObject({ status: 409, code: 'source-in-use' })
    await postgres.query('truncate source_stats')
    await postgres.transaction(tx => deleteSource(tx, 'shop'))
    expect(await allSources(postgres)).toEqual([])
    await expect(postgres.transaction(tx => deleteSource(tx, 'shop'))).rejects.toMatchObject({ status: 404 })
  })
})

describe('write keys', () => {
  test('are not in the tables in the clear', async () => {
    await add(shop, 'zw_plain_text')
    const [row] = await postgres.query<{ text: string }>('select write_keys::text from write_keys')
    const sealed = JSON.stringify(row)
    expect(sealed).not.toContain('zw_plain_text')
    expect(sealed).not.toContain(Buffer.from('zw_plain_text').toString('hex'))
    expect((await writeKeysOf(postgres, keys, 'shop', now)).map(({ key }) => key)).toEqual(['zw_plain_text'])
  })

  test('the first start’s key is made once, with its source', async () => {
    const first = { key: 'default', name: 'Default', kind: 'other' as const }
    await Promise.all([1, 2, 3].map(() => ensureSource(postgres, keys, first, 'zw_first', now)))
    await ensureSource(postgres, keys, first, 'zw_second', now)
    expect(await allSources(postgres)).toHaveLength(1)
    expect((await writeKeysOf(postgres, keys, 'default', now)).map(({ key }) => key).sort()).toEqual(['zw_first', 'zw_second'])
  })
})

test('a key that was taken away does not come back with the next start, nor does a start enable a source', async () => {
  const first = { key: 'default', name: 'Default', kind: 'other' as const }
  await ensureSource(postgres, keys, first, 'zw_first', now)
  const [made] = await writeKeysOf(postgres, keys, 'default', now)
  await postgres.transaction(async tx => {
    await removeWriteKey(tx, 'default', made?.id ?? '', now)
    await changeSource(tx, 'default', { enabled: false })
  })
  await ensureSource(postgres, keys, first, 'zw_first', now)
  expect(await writeKeysOf(postgres, keys, 'default', now)).toEqual([])
  await ensureSource(postgres, keys, first, 'zw_second', now)
  expect(await allSources(postgres)).toMatchObject([{ enabled: false }])
})

describe('the registry', () => {
  test('sees within a second what another process changes', async () => {
    await add()
    const registry = await openSourceRegistry(postgres, keys, () => now)
    expect(registry.withWriteKey('zw_1')).toEqual(shop)
    expect(registry.withWriteKey('zw_2')).toBeUndefined()
    await add({ ...shop, key: 'app' }, 'zw_2')
    await postgres.transaction(tx => changeSource(tx, 'shop', { enabled: false }))
    await expect
      .poll(() => [registry.withWriteKey('zw_1')?.enabled, registry.withWriteKey('zw_2')?.key], { timeout: 1000 })
      .toEqual([false, 'app'])
    registry.close()
  })

  test('after a rotation both keys are taken until the old one has had its time', async () => {
    await add()
    const registry = await openSourceRegistry(postgres, keys, () => now)
    const fresh = await postgres.transaction(tx => rotateWriteKey(tx, keys, 'shop', 60_000, now))
    await registry.refresh()
    expect([registry.withWriteKey('zw_1')?.key, registry.withWriteKey(fresh)?.key]).toEqual(['shop', 'shop'])
    now += 60_001
    expect([registry.withWriteKey('zw_1')?.key, registry.withWriteKey(fresh)?.key]).toEqual([undefined, 'shop'])
    registry.close()
  })

  test('a key that was taken away lets nobody in', async () => {
    await add()
    const registry = await openSourceRegistry(postgres, keys, () => now)
    expect(registry.withWriteKey('zw_1')?.key).toBe('shop')
    const [known] = await writeKeysOf(postgres, keys, 'shop', now)
    await postgres.transaction(tx => removeWriteKey(tx, 'shop', known?.id ?? '', now))
    await registry.refresh()
    expect(registry.withWriteKey('zw_1')).toBeUndefined()
    registry.close()
  })
})
