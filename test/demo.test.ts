import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { apiClient } from '../src/cli/api-client.ts'
import { fillDemo } from '../src/cli/fill-demo.ts'
import { configFrom } from '../src/config.ts'
import { createLogger } from '../src/http/logger.ts'
import { type Running, startZhike } from '../src/serve.ts'

let dataDir: string
let zhike: Running

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'zhike-demo-'))
  chmodSync(dataDir, 0o755)
  zhike = await startZhike(configFrom({ ZHIKE_DATA: dataDir, ZHIKE_PORT: '0' }), createLogger('error'))
})
afterAll(async () => {
  await zhike.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

function api() {
  const { apiKey } = z.object({ apiKey: z.string() }).parse(JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')))
  return apiClient(zhike.url, apiKey)
}

async function filled(): Promise<string> {
  const lines: string[] = []
  await fillDemo(api(), { clinic: false }, { out: text => lines.push(text), notes: text => lines.push(text) })
  return lines.join('\n')
}

test('the demo brings in all carried data in under a minute, and says what was found', async () => {
  const from = performance.now()
  const said = await filled()
  expect(performance.now() - from).toBeLessThan(60_000)
  expect(said).toMatch(/profiles +6,883\n/)
  expect(said).toMatch(/events +74,169, 2016-11-14 to /)
  expect(said).toMatch(/grocery 56,735/)
  expect(said).toMatch(/rejected +0 rows\n/)
  expect(said).toMatch(/74,169 rows in [\d.]+ s, [\d,]+ rows a second/)
}, 120_000)

test('a second time brings nothing', async () => {
  const said = await filled()
  expect(said).toContain('orders.ndjson.gz: was here already')
  expect(said).toMatch(/events +74,169, 2016-11-14 to /)
})

test('a household can be read with its traits, and its orders with their products', async () => {
  const household = await api().call<{ id: string; traits: Record<string, unknown> }>('GET', '/api/profiles/member_id/1')
  expect(household.traits).toMatchObject({ age_range: '65+', household_type: '2 Adults No Kids' })
  const { events } = await api().call<{ events: { event: string; historical: boolean; props: Record<string, unknown> }[] }>(
    'GET',
    `/api/profiles/${household.id}/events?event=${encodeURIComponent('Order Completed')}`,
  )
  expect(events.length).toBeGreaterThan(0)
  expect(events[0]).toMatchObject({ historical: true, props: { currency: 'USD', products: expect.any(Array) } })
})
