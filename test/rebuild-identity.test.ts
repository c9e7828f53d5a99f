import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiClient, apiClient } from '../src/cli/api-client.ts'
import { encodeRecord } from '../src/collect/record.ts'
import { configFrom } from '../src/config.ts'
import { createLogger } from '../src/http/logger.ts'
import { type Running, startZhike } from '../src/serve.ts'

let dataDir: string
let zhike: Running
let api: ApiClient

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'zhike-rebuild-'))
  chmodSync(dataDir, 0o755)
  zhike = await startZhike(configFrom({ ZHIKE_DATA: dataDir, ZHIKE_PORT: '0' }), createLogger('error'))
  const { apiKey } = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')) as { apiKey: string }
  api = apiClient(zhike.url, apiKey)
})
afterAll(async () => {
  await zhike.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function send(...messages: Record<string, unknown>[]): Promise<void> {
  const batch = messages.map((message, index) => ({
    messageId: `${message.userId ?? 'nobody'}-${index}-${message.type}`,
    timestamp: new Date(Date.UTC(2026, 0, 1) + index * 60_000).toISOString(),
    ...message,
  }))
  const envelope = {
    format: 'segment',
    form: 'batch',
    source: 'shop',
    channel: 'web',
    receivedAt: Date.now(),
    ip: '',
    rejected: [],
  } as const
  await zhike.core.events.append(0, encodeRecord(envelope, Buffer.from(JSON.stringify({ batch }))), batch.length)
  await api.call('POST', '/api/flush')
}

const card = {
  key: 'card',
  name: { zh: '卡号', en: 'Card' },
  format: 'text',
  class: 'strong',
  priority: 55,
  unique: false,
  scope: 'none',
  disputed: 'review',
  blocked: [],
  learn: {},
}
const carrying = (...ids: [type: string, id: string][]) => ({ context: { externalIds: ids.map(([type, id]) => ({ type, id })) } })
const eventsOf = async (namespace: string, value: string) => {
  const { id } = await api.call<{ id: string }>('POST', '/api/profiles/lookup', { namespace, value })
  const { events } = await api.call<{ events: { event: string }[] }>('GET', `/api/profiles/${id}/events`)
  return events.map(({ event }) => event).sort()
}
const traitsOf = async (namespace: string, value: string) =>
  (await api.call<{ traits: object }>('POST', '/api/profiles/lookup', { namespace, value })).traits

test('a kind of identifier that links no more lets people fall apart, and their facts and traits go with them', async () => {
  await api.call('PUT', '/api/identity/namespaces/card', card)
  await send(
    { type: 'identify', userId: 'u1', traits: { city: '上海', name: '甲' }, ...carrying(['card', 'c1']) },
    { type: 'identify', traits: { city: '北京', name: '乙' }, ...carrying(['phone', '19900000001'], ['card', 'c1']) },
    { type: 'track', event: 'User Came', userId: 'u1' },
    { type: 'track', event: 'Phone Came', ...carrying(['phone', '19900000001']) },
  )
  expect(await eventsOf('user_id', 'u1')).toEqual(['$identify', '$identify', 'Phone Came', 'User Came'])
  expect(await traitsOf('user_id', 'u1')).toMatchObject({ city: '北京' })

  await api.call('PUT', '/api/identity/namespaces/card', { ...card, class: 'none' })
  const { difference, counts } = await api.call<{ difference: string; counts: object }>('POST', '/api/identity/rebuild', { dryRun: true })
  expect(counts).toMatchObject({ merges: 0, splits: 1 })
  await api.call('POST', '/api/identity/rebuild', { confirm: difference })
  await api.call('POST', '/api/flush')
  expect(await eventsOf('user_id', 'u1')).toEqual(['$identify', 'User Came'])
  expect(await eventsOf('phone', '19900000001')).toEqual(['$identify', 'Phone Came'])
  expect([await traitsOf('user_id', 'u1'), await traitsOf('phone', '19900000001')]).toMatchObject([
    { city: '上海', name: '甲' },
    { city: '北京', name: '乙' },
  ])

  await api.call('PUT', '/api/identity/namespaces/card', card)
  const back = await api.call<{ difference: string; counts: object }>('POST', '/api/identity/rebuild', { dryRun: true })
  expect(back.counts).toMatchObject({ merges: 1, splits: 0 })
  await api.call('POST', '/api/identity/rebuild', { confirm: back.difference })
  await api.call('POST', '/api/flush')
  expect(await eventsOf('user_id', 'u1')).toEqual(['$identify', '$identify', 'Phone Came', 'User Came'])
  expect(await traitsOf('phone', '19900000001')).toMatchObject({ city: '北京' })
})
