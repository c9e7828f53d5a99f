import { request } from 'node:http'
import { connect } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Log, LogBusy, LogClosed, LogFailed, LogFull } from '../log/log.ts'
import { basic, disabledKey, startCollector, type TestCollector, writeKey } from './collector.fixture.ts'

let collector: TestCollector
beforeAll(async () => {
  collector = await startCollector()
})
afterAll(() => collector.close())

const event = (fields: Record<string, unknown> = {}) => ({
  type: 'track',
  event: 'Product Viewed',
  userId: 'u1',
  messageId: crypto.randomUUID(),
  ...fields,
})

function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = { authorization: basic(writeKey) },
  to = collector,
): Promise<Response> {
  const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  return fetch(`${to.url}${path}`, { method: 'POST', body: bytes as string, headers })
}

/** How many items the log gained. */
async function gained(work: () => Promise<unknown>): Promise<number> {
  const before = collector.log.end(0)
  await work()
  return collector.log.end(0) - before
}

describe('taking', () => {
  test.each(['/v1/track', '/v1/t'])('%s: what is answered 200 is in the log', async path => {
    const { messageId, ...rest } = event()
    const answer = await post(path, { ...rest, messageId })
    expect([answer.status, await answer.json()]).toEqual([200, { success: true }])
    expect((await collector.events()).at(-1)).toMatchObject({ messageId, event: 'Product Viewed', source: 'shop' })
  })

  test.each([
    ['identify', '$identify', {}],
    ['page', 'Page Viewed', {}],
    ['screen', 'Screen Viewed', {}],
    ['group', '$group', { groupId: 'g' }],
    ['alias', '$alias', { previousId: 'a1' }],
  ])('/v1/%s and its short path need no type', async (path, name, fields) => {
    expect(await gained(() => post(`/v1/${path}`, { userId: 'u1', ...fields }))).toBe(1)
    expect(await gained(() => post(`/v1/${path.charAt(0)}`, { userId: 'u1', ...fields }))).toBe(1)
    expect((await collector.events()).slice(-2).map(({ event }) => event)).toEqual([name, name])
  })

  test('an import is historical', async () => {
    await post('/v1/import', { batch: [event({ timestamp: '2020-01-01T00:00:00Z' })] })
    expect((await collector.events()).at(-1)).toMatchObject({ historical: true, ts: Date.UTC(2020, 0, 1) })
  })

  test('good items of a batch are taken, bad ones kept with their reason', async () => {
    const answer = await post('/v1/batch', { batch: [event(), event({ userId: null }), event({ type: 'odd' }), event()] })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({
      success: true,
      rejectedCount: 2,
      rejected: [
        { index: 1, code: 'no_identifier' },
        { index: 2, code: 'unknown_type' },
      ],
    })
    expect((await collector.items()).slice(-4).map(item => ('event' in item ? 'event' : item.rejection.code))).toEqual([
      'event',
      'no_identifier',
      'unknown_type',
      'event',
    ])
  })

  test('a request of which nothing can be taken is a 400, and kept', async () => {
    expect(await gained(async () => expect((await post('/v1/track', { event: 'X' })).status).toBe(400))).toBe(1)
    expect(await gained(async () => expect((await post('/v1/batch', { batch: [event({ userId: '' }), 7] })).status).toBe(400))).toBe(2)
    expect((await collector.rejections()).slice(-2)).toMatchObject([{ code: 'no_identifier' }, { code: 'not_an_object' }])
  })

  test.each([
    ['no JSON', 'hello', 'invalid_json'],
    ['cut JSON', '{"batch":[{"type":"tra', 'invalid_json'],
    ['nothing', '', 'invalid_json'],
    ['no batch', '{"events":[]}', 'no_batch'],
    ['an empty batch', '{"batch":[]}', 'no_items'],
    ['far too many items', JSON.stringify({ batch: Array(5001).fill(1) }), 'too_many_items'],
    ['a large shared context', JSON.stringify({ batch: [event()], context: { a: 'x'.repeat(9000) } }), 'context_too_large'],
    ['a shared context that cannot be stored', JSON.stringify({ batch: [event()], context: { a: '\ud800' } }), 'malformed_text'],
  ])('a body with %s is a 400, and kept', async (_, body, code) => {
    expect(
      await gained(async () => {
        const answer = await post('/v1/batch', body)
        expect([answer.status, await answer.json()]).toMatchObject([400, { success: false, code }])
      }),
    ).toBe(1)
    expect((await collector.rejections()).at(-1)).toMatchObject({ code })
  })
})

describe('reading', () => {
  const body = JSON.stringify({ batch: [event({ properties: { 品名: '深层补水' } })] })
  test.each([
    ['text/plain', Buffer.from(body), { 'content-type': 'text/plain' }],
    ['no type', Buffer.from(body), {}],
    ['a byte order mark', Buffer.from(`\ufeff${body}`), { 'content-type': 'application/json' }],
    ['gzip under the name of a form', gzipSync(body), { 'content-type': 'application/x-www-form-urlencoded', 'content-encoding': 'gzip' }],
    ['deflate', deflateSync(body), { 'content-encoding': 'deflate' }],
    ['br', brotliCompressSync(body), { 'content-encoding': 'br' }],
    [
      'a form with the JSON in data',
      Buffer.from(new URLSearchParams({ data: body }).toString()),
      { 'content-type': 'application/x-www-form-urlencoded' },
    ],
  ])('%s', async (_, bytes, headers) => {
    const answer = await post('/v1/batch', bytes, { authorization: basic(writeKey), ...headers })
    expect(answer.status).toBe(200)
    expect((await collector.events()).at(-1)).toMatchObject({ props: { 品名: '深层补水' } })
  })

  test('a form with fields', async () => {
    const form = new URLSearchParams({ event: 'Form Sent', userId: 'u1', writeKey, properties: '{"a":1}' })
    expect((await post('/v1/track', form.toString(), {})).status).toBe(200)
    expect((await collector.events()).at(-1)).toMatchObject({ event: 'Form Sent', props: { a: 1 } })
  })

  test.each([
    ['gzip', 'not gzip'],
    ['zstd', 'not known'],
    ['gzip, br', 'two'],
  ])('a body that is not what its encoding says is a 400 (%s)', async (encoding, bytes) => {
    expect((await post('/v1/track', bytes, { authorization: basic(writeKey), 'content-encoding': encoding })).status).toBe(400)
  })

  test('too large a body is refused by its length, as it comes, and as it unfolds', async () => {
    const large = JSON.stringify({ batch: [event({ properties: { a: 'x'.repeat(600_000) } })] })
    expect((await post('/v1/batch', large)).status).toBe(400)
    expect((await post('/v1/batch', gzipSync(large), { authorization: basic(writeKey), 'content-encoding': 'gzip' })).status).toBe(400)
    expect(await chunked(large)).toBe(400)
    const rudder = { authorization: basic(writeKey), anonymousid: 'x' }
    expect((await post('/v1/batch', 'x'.repeat(4 * 1024 * 1024 + 1), rudder)).status).toBe(413)
    expect((await post('/v1/batch', gzipSync(Buffer.alloc(100 * 1024 * 1024)), { ...rudder, 'content-encoding': 'gzip' })).status).toBe(413)
  })

  function chunked(body: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const req = request(`${collector.url}/v1/batch`, { method: 'POST', headers: { authorization: basic(writeKey) } }, res => {
        res.resume()
        resolve(res.statusCode)
      })
      req.on('error', reject)
      for (let at = 0; at < body.length; at += 100_000) req.write(body.slice(at, at + 100_000))
      req.end()
    })
  }

  test('a chunked body is read', async () => {
    expect(await chunked(body)).toBe(200)
  })
})

describe('write keys', () => {
  test.each([
    ['Basic', '/v1/track', { authorization: basic(writeKey) }, {}],
    ['the body', '/v1/track', {}, { writeKey }],
    ['the body beside a bearer token', '/v1/track', { authorization: 'Bearer x' }, { writeKey }],
    ['the query', `/v1/track?writeKey=${writeKey}`, {}, {}],
  ])('by %s', async (_, path, headers, fields) => {
    expect((await post(path, event(fields), headers)).status).toBe(200)
  })

  test.each([
    ['none', {}, {}, 401, 'no_write_key'],
    ['an unknown one', { authorization: basic('zw_other') }, {}, 401, 'unknown_write_key'],
    ['an unknown one in the body', {}, { writeKey: 'zw_other' }, 401, 'unknown_write_key'],
    ['that of a disabled source', { authorization: basic(disabledKey) }, {}, 404, 'source_disabled'],
  ])('%s lets nothing in', async (_, headers, fields, status, code) => {
    expect(
      await gained(async () => {
        const answer = await post('/v1/track', event(fields), headers)
        expect([answer.status, await answer.json()]).toMatchObject([status, { code }])
      }),
    ).toBe(0)
  })

  test('a stranger is turned away before the body is read', async () => {
    const socket = connect(Number(new URL(collector.url).port), '127.0.0.1')
    socket.write('POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic eDo=\r\nContent-Length: 400000\r\n\r\n')
    const first = await new Promise<Buffer>(resolve => socket.once('data', resolve))
    socket.destroy()
    expect(first.toString()).toContain('401')
  })
})

describe('browsers', () => {
  const origin = 'https://shop.example.com'

  test('a pre-flight is allowed what it asks for', async () => {
    const answer = await fetch(`${collector.url}/v1/t`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,x-retry-count' },
    })
    expect(answer.status).toBe(204)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-headers': 'authorization,x-retry-count',
      'access-control-allow-methods': 'GET, POST, HEAD, OPTIONS',
    })
  })

  test('every answer may be read, refusals too', async () => {
    for (const key of [writeKey, 'zw_other']) {
      const answer = await post('/v1/t', event(), { origin, authorization: basic(key) })
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    }
  })

  test('the settings document names this server', async () => {
    const answer = await fetch(`${collector.url}/v1/projects/${writeKey}/settings`)
    const host = new URL(collector.url).host
    expect(await answer.json()).toMatchObject({
      integrations: { 'Segment.io': { apiKey: writeKey, apiHost: `${host}/v1`, protocol: 'http' } },
    })
    expect((await fetch(`${collector.url}/v1/projects/zw_other/settings`)).status).toBe(401)
  })

  test('the measurements of the SDK are taken and dropped', async () => {
    expect(await gained(async () => expect((await post('/v1/m', { series: [] }, {})).status).toBe(200))).toBe(0)
  })

  test('RudderStack’s configuration, its probe for blockers, and its beacon', async () => {
    const headers = { authorization: basic(writeKey) }
    const config = await fetch(`${collector.url}/sourceConfig/?p=web&v=3`, { headers })
    expect(await config.json()).toMatchObject({ source: { id: 'shop', writeKey, enabled: true, destinations: [] } })
    expect((await fetch(`${collector.url}/sourceConfig/?view=ad`, { method: 'HEAD' })).status).toBe(204)
    expect((await fetch(`${collector.url}/sourceConfig`)).status).toBe(401)
    const beacon = await post(`/beacon/v1/batch?writeKey=${writeKey}`, { batch: [event()] }, { 'content-type': 'text/plain' })
    expect([beacon.status, await beacon.text()]).toEqual([200, 'ok'])
  })
})

test('other paths and methods are not the collector’s', async () => {
  for (const [method, path] of [
    ['GET', '/v1/track'],
    ['POST', '/v1/unknown'],
    ['GET', '/api/profiles/1'],
    ['OPTIONS', '/api/sources'],
  ] as const)
    expect((await fetch(`${collector.url}${path}`, { method })).status).toBe(404)
})

test('a sender that goes away in the middle takes nothing with it', async () => {
  for (let i = 0; i < 50; i++) {
    const socket = connect(Number(new URL(collector.url).port), '127.0.0.1')
    socket.write(`POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic(writeKey)}\r\nContent-Length: 1000\r\n\r\n{"batch":[`)
    await new Promise(resolve => setTimeout(resolve, 2))
    socket.destroy()
  }
  expect((await post('/v1/track', event())).status).toBe(200)
  expect(collector.faults).toEqual([])
})

describe('under strain', () => {
  const failing = (error: Error): Log => ({ ...stub, append: () => Promise.reject(error) })
  const stub: Log = {
    partitions: 1,
    append: async () => 0,
    read: async () => [],
    end: () => 0,
    start: () => 0,
    wait: async () => false,
    commit: async () => {},
    committed: () => 0,
    close: async () => {},
  }

  test.each([
    [new LogFull(), 503],
    [new LogFailed(), 503],
    [new LogClosed(), 503],
    [new LogBusy(), 429],
  ])('%s: nothing is acknowledged, and the sender is told when to come back', async (error, status) => {
    const strained = await startCollector({ log: failing(error) })
    const answer = await post('/v1/track', event(), undefined, strained)
    expect(answer.status).toBe(status)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(strained.faults).toEqual([])
    await strained.close()
  })

  test('a fault of ours is a 500 without its text', async () => {
    const broken = await startCollector({ log: failing(new Error('secret')) })
    const answer = await post('/v1/track', event(), undefined, broken)
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('secret')
    expect(broken.faults).toHaveLength(1)
    await broken.close()
  })

  test('more than the memory for it on its way is told to come back, and what is done makes room', async () => {
    const waiting: ((offset: number) => void)[] = []
    const log = { ...stub, append: () => new Promise<number>(resolve => waiting.push(resolve)) }
    const slow = await startCollector({ maxBytesInFlight: 1000, log })
    const large = () => post('/v1/track', event({ properties: { a: 'x'.repeat(600) } }), undefined, slow)
    for (let turn = 0; turn < 3; turn++) {
      const first = large()
      await expect.poll(() => waiting.length).toBe(1)
      expect((await large()).status).toBe(429)
      waiting.pop()?.(0)
      expect((await first).status).toBe(200)
    }
    await slow.close()
  })
})

describe('several partitions', () => {
  test('retries of an item meet in one partition, and nothing is lost or doubled', async () => {
    const spread = await startCollector({ partitions: 4 })
    const batch = Array.from({ length: 40 }, (_, i) => event({ userId: `u${i}`, messageId: `m${i}` }))
    const tooDeep = `{"type":"track","event":"A","userId":"u","properties":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`
    expect((await post('/v1/batch', `{"batch":[${tooDeep}]}`, undefined, spread)).status).toBe(400)
    await post('/v1/batch', { batch: [...batch, event({ userId: '' })] }, undefined, spread)
    await post('/v1/batch', { batch: [...batch].reverse() }, undefined, spread)
    const where = new Map<string, Set<number>>()
    for (let partition = 0; partition < 4; partition++) {
      const records = await spread.log.read(partition, 0, { maxEvents: 1000, maxBytes: 1 << 24 })
      for (const { payload } of records)
        for (const [id] of payload.toString().matchAll(/"m\d+"/g)) where.set(id, (where.get(id) ?? new Set()).add(partition))
    }
    expect(where.size).toBe(40)
    expect([...where.values()].every(({ size }) => size === 1)).toBe(true)
    expect(new Set([...where.values()].flatMap(set => [...set])).size).toBeGreaterThan(1)
    expect((await spread.events()).map(({ messageId }) => messageId).sort()).toEqual(
      [...batch, ...batch].map(({ messageId }) => messageId).sort(),
    )
    expect(await spread.rejections()).toMatchObject([{ code: 'too_deep' }, { code: 'no_identifier' }])
    await spread.close()
  })
})

test('every request is observed with what became of it', async () => {
  collector.seen.length = 0
  await post('/v1/batch', { batch: [event(), 1] })
  await post('/v1/track', event(), { authorization: basic('zw_other') })
  expect(collector.seen).toEqual([
    { format: 'segment', status: 200, source: 'shop', accepted: 1, rejected: 1 },
    { format: 'segment', status: 401, source: undefined, accepted: 0, rejected: 0 },
  ])
})
