import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { Analytics } from '@segment/analytics-node'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startCollector, type TestCollector, writeKey } from './collector.fixture.ts'

let collector: TestCollector
beforeAll(async () => {
  collector = await startCollector()
})
afterAll(() => collector.close())

let before = 0
beforeEach(async () => {
  before = (await collector.events()).length
})
const fresh = async () => (await collector.events()).slice(before)

test('@segment/analytics-node, as published', async () => {
  const analytics = new Analytics({ writeKey, host: collector.url, flushAt: 20, flushInterval: 100 })
  const failures: unknown[] = []
  analytics.on('error', error => failures.push(error))
  const timestamp = new Date(Date.now() - 60_000)
  analytics.identify({ userId: 'u1', traits: { phone: '19900000001', city: '杭州', note: null } })
  analytics.track({
    userId: 'u1',
    event: 'Order Completed',
    properties: { total: 99.5, products: [{ sku: 'A', 'size.eu': 38 }] },
    timestamp,
  })
  analytics.page({ anonymousId: 'a1', name: 'Home', properties: { path: '/' } })
  analytics.screen({ userId: 'u1', name: 'Cart' })
  analytics.group({ userId: 'u1', groupId: 'g1', traits: { plan: 'gold' } })
  analytics.alias({ userId: 'u1', previousId: 'old' })
  for (let i = 0; i < 50; i++) analytics.track({ userId: `u${i}`, event: 'Product Viewed' })
  await analytics.closeAndFlush()

  expect(failures).toEqual([])
  const events = await fresh()
  expect(events.map(({ event }) => event).slice(0, 6)).toEqual([
    '$identify',
    'Order Completed',
    'Page Viewed',
    'Screen Viewed',
    '$group',
    '$alias',
  ])
  expect(events).toHaveLength(56)
  const [identify, order] = events
  expect(identify).toMatchObject({
    channel: 'server',
    identifiers: [
      { namespace: 'user_id', value: 'u1' },
      { namespace: 'phone', value: '19900000001' },
    ],
    traits: [
      { key: 'phone', op: 'set', value: '19900000001' },
      { key: 'city', op: 'set', value: '杭州' },
      { key: 'note', op: 'unset' },
    ],
  })
  expect(order).toMatchObject({
    props: { total: 99.5, products: [{ sku: 'A', 'size%2Eeu': 38 }] },
    context: { library: { name: '@segment/analytics-node' } },
  })
  expect(Math.abs((order?.ts ?? 0) - timestamp.getTime())).toBeLessThan(2000)
  expect(new Set(events.map(({ messageId }) => messageId)).size).toBe(56)
})

test.each([true, false])('@rudderstack/rudder-sdk-node, as published, gzip %s', async gzip => {
  const client = new RudderAnalytics(writeKey, { dataPlaneUrl: collector.url, flushAt: 10, flushInterval: 50, gzip })
  client.identify({ userId: 'u1', traits: { email: 'a@example.com' } })
  for (let i = 0; i < 24; i++) client.track({ userId: 'u1', event: 'Product Viewed', properties: { i } })
  client.page({ userId: 'u1', name: 'Home' })
  await new Promise<void>((resolve, reject) => client.flush(error => (error ? reject(error) : resolve())))
  await expect.poll(async () => (await fresh()).length, { timeout: 10_000 }).toBe(26)
  const events = await fresh()
  expect(events[0]).toMatchObject({ event: '$identify', channel: 'server', traits: [{ key: 'email', op: 'set', value: 'a@example.com' }] })
  expect(events.at(-1)).toMatchObject({ event: 'Page Viewed', props: { name: 'Home' } })
  expect(collector.seen.at(-1)).toMatchObject({ format: gzip ? 'rudder' : 'segment', status: 200 })
})

describe('@segment/analytics-next, as published, in a real browser', () => {
  const run = async (work: string) => {
    const page = await pageServer(`<!doctype html><script>
      window.analytics = window.analytics || []
      for (const name of ['track','page','identify','group','alias','ready','reset','user']) analytics[name] = (...words) => { analytics.push([name, ...words]); return analytics }
      </script><script src="${collector.url}/analytics.js/v1/${writeKey}/analytics.min.js"></script>`)
    const browser = await chromium.launch({
      executablePath: process.env.ZHIKE_CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
    try {
      const tab = await browser.newPage()
      const elsewhere: string[] = []
      tab.on('request', request => {
        if (!request.url().startsWith('http://127.0.0.1')) elsewhere.push(request.url())
      })
      await tab.goto(page.url)
      await tab.waitForFunction('window.analytics.initialized === true')
      await tab.evaluate(work)
      await expect.poll(async () => (await fresh()).some(({ event }) => event === 'Last'), { timeout: 20_000 }).toBe(true)
      expect(elsewhere).toEqual([])
    } finally {
      await browser.close()
      page.close()
    }
    return fresh()
  }

  test('it starts from our settings, passes the pre-flight from another origin, and its calls arrive', async () => {
    const events = await run(`(async () => {
      await analytics.page('Shop', 'Home')
      await analytics.alias('first')
      await analytics.identify('u1', { phone: '19900000002', city: '杭州' })
      await analytics.track('Product Viewed', { product_id: 'p1', price: 3800 })
      await analytics.alias('u3', 'u1')
      await analytics.group('g1', { plan: 'gold' })
      await analytics.track('Last')
    })()`)
    expect(events.map(({ event }) => event).sort()).toEqual([
      '$alias',
      '$alias',
      '$group',
      '$identify',
      'Last',
      'Page Viewed',
      'Product Viewed',
    ])
    const by = (name: string) => events.filter(({ event }) => event === name)
    const anonymous = by('Page Viewed')[0]?.identifiers
    expect(anonymous).toMatchObject([{ namespace: 'anonymous_id' }])
    expect(by('Page Viewed')[0]).toMatchObject({
      channel: 'web',
      props: { name: 'Home', category: 'Shop' },
      context: { ip: expect.stringContaining('127.0.0.1') },
    })
    expect(by('$identify')[0]).toMatchObject({
      identifiers: [{ namespace: 'user_id', value: 'u1' }, { namespace: 'phone', value: '19900000002' }, ...(anonymous ?? [])],
    })
    expect(by('Product Viewed')[0]).toMatchObject({ props: { product_id: 'p1', price: 3800 } })
    // Before login an alias leaves the anonymous id behind; after it the SDK aliases the person to themselves.
    expect(by('$alias').map(({ operation }) => operation)).toEqual([{ kind: 'alias', previous: anonymous?.[0] }, undefined])
  })
})

/** A page on a port of its own: another origin than the collector's. */
async function pageServer(html: string): Promise<{ url: string; close: () => void }> {
  const server = createServer((_req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end(html))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() }
}
