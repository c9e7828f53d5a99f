import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { apiClient } from '../src/cli/api-client.ts'
import { applyFiles, differenceOf } from '../src/cli/files/apply-files.ts'
import { readWorkspaceFiles } from '../src/cli/files/workspace-files.ts'
import { fillDemo } from '../src/cli/fill-demo.ts'
import { configFrom } from '../src/config.ts'
import { createLogger } from '../src/http/logger.ts'
import { type Running, startZhike } from '../src/serve.ts'

/** Days since something are counted from here. */
const now = Date.parse('2026-01-01T00:00:00Z')

let dataDir: string
let zhike: Running

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'zhike-demo-'))
  chmodSync(dataDir, 0o755)
  zhike = await startZhike(configFrom({ ZHIKE_DATA: dataDir, ZHIKE_PORT: '0' }), createLogger('error'), () => now)
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

test('the workspace is as the carried definitions say, and stays as somebody changes it', async () => {
  const files = readWorkspaceFiles(fileURLToPath(new URL('../examples/retail', import.meta.url)))
  expect((await differenceOf(api(), files)).changes).toEqual([])
  await api().call('DELETE', '/api/audiences/soft_drinks_active')
  await filled()
  expect((await differenceOf(api(), files)).changes).toMatchObject([{ what: 'audience soft_drinks_active', change: 'create' }])
  await applyFiles(api(), files)
  await api().call('POST', '/api/flush')
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

interface Tag {
  count: number
  values: { value: unknown; count: number }[]
}

/** How many have each value of a tag, and any: worked out by a program of its own from the carried files (docs/tags.md). */
const households = {
  lifecycle: [2379, { active: 1989, at_risk: 207, dormant: 125, new: 33, won_back: 23, prospect: 2 }],
  rfm_recency: [2377, { 5: 503, 4: 451, 3: 491, 2: 457, 1: 475 }],
  rfm_frequency: [2377, { 5: 466, 4: 470, 3: 443, 2: 491, 1: 507 }],
  rfm_monetary: [2377, { 5: 475, 4: 475, 3: 476, 2: 475, 1: 476 }],
  rfm_segment: [
    2377,
    { champion: 550, promising_high: 57, keep_high: 268, rescue_high: 75, loyal: 59, promising: 288, keep: 59, rescue: 1021 },
  ],
  coupon_affinity: [1559, { high: 238, some: 172, none: 1149 }],
} as const

test.each(Object.entries(households))(
  '%s covers and divides the households as their orders and coupons do',
  async (key, [covered, values]) => {
    const tag = await api().call<Tag>('GET', `/api/tags/${key}`)
    expect(tag.count).toBe(covered)
    expect(Object.fromEntries(tag.values.map(({ value, count }) => [value, count]))).toEqual(values)
  },
)

test.each([
  ['category_preference', 2779, { 'electronics.smartphone': 624, 'SOFT DRINKS': 138, 'FLUID MILK PRODUCTS': 96, CHEESE: 72 }],
  ['brand_preference', 3681, { National: 1842, Private: 317, samsung: 225, apple: 220, xiaomi: 144, huawei: 56 }],
])('%s is what households and visitors come back to', async (key, covered, most) => {
  const tag = await api().call<Tag>('GET', `/api/tags/${key}`)
  expect(tag.count).toBe(covered)
  expect(Object.fromEntries(tag.values.map(({ value, count }) => [value, count]))).toMatchObject(most)
})

test.each([
  ['coupon_rescue', 92],
  ['soft_drinks_active', 120],
])('as many are in %s as its tags say', async (key, count) => {
  expect(await api().call('GET', `/api/audiences/${key}`)).toMatchObject({ count })
})

test('the templates, with their own windows, say the same as a count by hand: as of the end of 2017, and in fifths by days', async () => {
  const documentsOf = async (template: string) =>
    (await api().call<{ documents: Record<string, unknown>[] }>('POST', `/api/tags/templates/${template}`, { preset: 'commerce' }))
      .documents
  const [lifecycle] = await documentsOf('lifecycle')
  const values = lifecycle?.values as { value: string; rule: object }[]
  const counted = await Promise.all(
    values.map(async ({ value, rule }, index) => {
      const before = values.slice(0, index).map(one => ({ not: one.rule }))
      const asked = { rule: { all: [rule, ...before] }, at: '2018-01-02T00:00:00Z' }
      return [value, (await api().call<{ count: number }>('POST', '/api/rules/count', asked)).count]
    }),
  )
  expect(Object.fromEntries(counted)).toEqual({ active: 1982, at_risk: 204, dormant: 134, new: 32, won_back: 25, prospect: 2 })

  const [recency] = await documentsOf('rfm')
  const metric = { ...(recency?.metric as object), within: { from: '2017-01-01T00:00Z', to: '2018-01-02T00:00Z' } }
  await api().call('PUT', '/api/tags/recency_in_fifths', { ...recency, key: undefined, metric })
  await api().call('POST', '/api/flush')
  const { values: fifths } = await api().call<Tag>('GET', '/api/tags/recency_in_fifths')
  expect(Object.fromEntries(fifths.map(({ value, count }) => [value, count]))).toEqual({ 1: 481, 2: 475, 3: 522, 4: 474, 5: 425 })
})
