import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Caller, Permission } from '../access/caller.ts'
import { Refusal } from '../refusal.ts'
import { createApi } from './api.ts'
import { createLogger } from './logger.ts'
import { type Served, serve } from './server.ts'

const callerWith = (...permissions: Permission[]): Caller => ({ id: 'key-1', name: 'tests', permissions: new Set(permissions) })
const callers: Record<string, Caller> = { reader: callerWith('read'), writer: callerWith('read', 'write'), nothing: callerWith() }

const profile = createRoute({
  method: 'get',
  path: '/api/profiles/{namespace}/{value}',
  request: {
    params: z.object({ namespace: z.string().regex(/^[a-z]/), value: z.string() }),
    query: z.object({ limit: z.coerce.number().int().max(100).optional() }),
  },
  responses: { 200: { description: 'A profile', content: { 'application/json': { schema: z.object({ namespace: z.string() }) } } } },
})
const rule = z.union([z.strictObject({ all: z.array(z.unknown()) }), z.strictObject({ event: z.string(), within: z.string().optional() })])
const count = createRoute({
  method: 'post',
  path: '/api/rules/count',
  'x-permission': 'read',
  'x-body-limit-bytes': 1000,
  request: { body: { required: true, content: { 'application/json': { schema: z.strictObject({ rule, at: z.string().optional() }) } } } },
  responses: {
    200: {
      description: 'Counted',
      content: { 'application/json': { schema: z.object({ count: z.number() }).openapi('Count', { example: { count: 3 } }) } },
    },
  },
})
const slow = createRoute({ method: 'post', path: '/api/slow', 'x-time-limit-seconds': 0.05, responses: { 204: { description: 'Done' } } })
const refused = createRoute({
  method: 'put',
  path: '/api/refused/{why}',
  request: { params: z.object({ why: z.string() }) },
  responses: { 204: { description: 'Never' } },
})

function testRoutes(app: OpenAPIHono): void {
  app.openapi(profile, c => c.json({ namespace: c.req.valid('param').namespace }, 200))
  app.openapi(count, c => c.json({ count: 3 }, 200))
  app.openapi(slow, async c => {
    await new Promise(resolve => setTimeout(resolve, 300))
    return c.body(null, 204)
  })
  app.openapi(refused, c => {
    if (c.req.valid('param').why === 'gone')
      throw new Refusal(404, 'no-such-thing', 'there is no such thing', [{ path: 'why', message: 'gone' }])
    throw Object.assign(new Error('duplicate key, phone 19900001234'), { detail: 'Key (phone)=(19900001234)', code: '23505' })
  })
}

let served: Served
let isPipelineRunning = true
const lines: string[] = []
beforeAll(async () => {
  const logger = createLogger('debug', { write: (line: string) => void lines.push(line) })
  const app = createApi({
    authenticate: key => callers[key],
    logger,
    registry: new Registry(),
    checks: [
      { name: 'postgres', check: () => undefined },
      { name: 'pipeline', check: () => (isPipelineRunning ? undefined : 'the pipeline is not running') },
    ],
    routes: [testRoutes],
    otherPaths: {
      '/v1/track': { post: { summary: 'Track', security: [{ writeKey: [] }], responses: { 200: { description: 'Durable' } } } },
    },
    version: '0.1.0',
  })
  served = await serve(
    app,
    async (request, response) => {
      if (request.url?.startsWith('/v1/broken')) throw new Error('a fault in front')
      if (!request.url?.startsWith('/v1/')) return false
      response.end('collected')
      return true
    },
    { host: '127.0.0.1', port: 0, logger },
  )
})
afterAll(() => served.stop())
beforeEach(() => void lines.splice(0))

const call = (path: string, init: RequestInit = {}, key = 'reader') =>
  fetch(`${served.url}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...init.headers } })
const post = (path: string, body: string, key = 'reader', type = 'application/json') =>
  call(path, { method: 'POST', body, headers: { 'content-type': type } }, key)
const problem = async (response: Response) => ({
  contentType: response.headers.get('content-type'),
  ...((await response.json()) as Record<string, unknown>),
})

describe('keys and permissions', () => {
  test('no key, a wrong key and another scheme are 401 with what to do', async () => {
    for (const headers of [
      { authorization: '' },
      { authorization: 'Bearer wrong' },
      { authorization: 'Basic reader' },
      { authorization: 'Bearer' },
    ]) {
      const response = await call('/api/profiles/phone/x', { headers })
      expect(response.status).toBe(401)
      expect(await problem(response)).toMatchObject({
        contentType: 'application/problem+json',
        code: 'unauthorized',
        status: 401,
        title: 'Unauthorized',
      })
    }
  })

  test('reading asks for read, writing for write, unless the route says otherwise', async () => {
    expect((await call('/api/profiles/phone/x', {}, 'nothing')).status).toBe(403)
    expect((await call('/api/profiles/phone/x')).status).toBe(200)
    expect((await call('/api/refused/gone', { method: 'PUT' })).status).toBe(403)
    expect((await call('/api/refused/gone', { method: 'PUT' }, 'writer')).status).toBe(404)
    expect((await post('/api/rules/count', '{"rule":{"event":"x"}}')).status).toBe(200)
  })

  test('an unknown route under /api says nothing without a key', async () => {
    expect((await call('/api/nowhere', { headers: { authorization: '' } })).status).toBe(401)
  })
})

describe('problems', () => {
  test('a refusal keeps its status, code, sentence and details', async () => {
    const body = await problem(await call('/api/refused/gone', { method: 'PUT' }, 'writer'))
    expect(body).toEqual({
      contentType: 'application/problem+json',
      type: 'urn:zhike:problem:no-such-thing',
      title: 'Not Found',
      status: 404,
      code: 'no-such-thing',
      detail: 'there is no such thing',
      details: [{ path: 'why', message: 'gone' }],
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
  })

  test('a bug is 500 without its text, and the log has it without the values', async () => {
    const response = await call('/api/refused/bug', { method: 'PUT' }, 'writer')
    const text = await response.text()
    expect(response.status).toBe(500)
    expect(text).not.toContain('duplicate')
    const logged = lines.find(line => line.includes('request failed')) ?? ''
    expect(logged).toContain('duplicate key, phone [phone]')
    expect(logged).toContain('23505')
    expect(lines.join()).not.toContain('19900001234')
  })

  test('a body that does not fit is 422 with its faults by path, told by the nearest branch', async () => {
    const response = await post('/api/rules/count', '{"rule":{"event":5},"more":1}')
    expect(response.status).toBe(422)
    const { details } = (await problem(response)) as unknown as { details: { path: string }[] }
    expect(details.map(({ path }) => path)).toEqual(['rule.event', ''])
  })

  test('parameters that do not fit are 400', async () => {
    const response = await call('/api/profiles/phone/x?limit=1000')
    expect(response.status).toBe(400)
    expect(await problem(response)).toMatchObject({ code: 'invalid-request', details: [{ path: 'limit' }] })
  })

  test('malformed JSON is 400, another content type 415, a large body 413', async () => {
    expect(await problem(await post('/api/rules/count', '{"rule":'))).toMatchObject({ status: 400, code: 'malformed-json' })
    expect(await problem(await post('/api/rules/count', 'x=1', 'reader', 'application/x-www-form-urlencoded'))).toMatchObject({
      status: 415,
      code: 'media-type',
    })
    expect(await problem(await post('/api/rules/count', JSON.stringify({ rule: { event: 'x'.repeat(2000) } })))).toMatchObject({
      status: 413,
      code: 'too-large',
    })
  })

  test('a body in chunks is counted, and read when it fits', async () => {
    const chunked = (text: string) =>
      call('/api/rules/count', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: new Blob([text]).stream(),
        duplex: 'half',
      } as RequestInit)
    expect((await chunked(JSON.stringify({ rule: { event: 'x'.repeat(2000) } }))).status).toBe(413)
    expect((await chunked(JSON.stringify({ rule: { event: 'x' } }))).status).toBe(200)
  })

  test('an unknown route names the nearest, without what was sent', async () => {
    const body = await problem(await call('/api/profile/phone/19900001234'))
    expect(body).toMatchObject({ status: 404, code: 'unknown-route', detail: expect.stringContaining('/api/profiles/{namespace}/{value}') })
    expect(JSON.stringify(body)).not.toContain('1990000')
    expect(await problem(await fetch(`${served.url}/v2/track`))).toMatchObject({ detail: expect.stringContaining('/v1/track') })
  })

  test('a known route with another method says which it takes', async () => {
    const response = await call('/api/rules/count')
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
  })

  test('a route that takes too long is answered with 504', async () => {
    expect(await problem(await call('/api/slow', { method: 'POST' }, 'writer'))).toMatchObject({ status: 504, code: 'too-slow' })
  })

  test('a fault in front of the API is a 500 too', async () => {
    expect(await problem(await fetch(`${served.url}/v1/broken`))).toMatchObject({ status: 500, code: 'internal-error' })
  })
})

describe('status', () => {
  test('health, ready and metrics need no key on loopback', async () => {
    const [health, ready, metrics] = await Promise.all(['/health', '/ready', '/metrics'].map(path => fetch(`${served.url}${path}`)))
    expect(await health?.json()).toEqual({ status: 'up' })
    expect(await ready?.json()).toEqual({
      ready: true,
      checks: [
        { name: 'postgres', ok: true },
        { name: 'pipeline', ok: true },
      ],
    })
    expect(await metrics?.text()).toContain('zhike_http_request_seconds_bucket')
  })

  test('metrics through a proxy need a key', async () => {
    const forwarded = { 'x-forwarded-for': '203.0.113.7' }
    expect((await call('/metrics', { headers: { ...forwarded, authorization: '' } })).status).toBe(401)
    expect((await call('/metrics', { headers: forwarded })).status).toBe(200)
  })

  test('not ready is 503 and says which condition is missing', async () => {
    isPipelineRunning = false
    const response = await fetch(`${served.url}/ready`)
    isPipelineRunning = true
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      ready: false,
      checks: [{ ok: true }, { name: 'pipeline', ok: false, says: 'the pipeline is not running' }],
    })
  })
})

describe('description', () => {
  test('it is valid OpenAPI 3.1, public, and names permission, key and problem of every operation', async () => {
    const response = await fetch(`${served.url}/api/openapi.json`)
    const document = (await response.json()) as Record<string, never> & {
      openapi: string
      paths: Record<string, Record<string, Record<string, unknown>>>
    }
    const { valid, errors } = await new Validator().validate(structuredClone(document))
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
    expect(document.openapi).toBe('3.1.0')
    expect(document.paths['/api/rules/count']?.post?.['x-permission']).toBe('read')
    expect(document.paths['/api/profiles/{namespace}/{value}']?.get).toMatchObject({
      'x-permission': 'read',
      responses: { default: { content: { 'application/problem+json': {} } } },
    })
    expect(document.paths['/health']?.get?.security).toEqual([])
    expect(document.paths['/v1/track']?.post?.summary).toBe('Track')
    expect(document.paths['/api/openapi.json']).toBeDefined()
  })
})

describe('logs and headers', () => {
  test('the access log has the route, never what was sent in its place', async () => {
    const response = await call('/api/profiles/phone/19900001234?limit=7&email=a%40example.com')
    await call('/api/unknown/19900001234')
    await fetch(`${served.url}/19900001234`)
    const logged = lines.map(line => JSON.parse(line)).find(({ msg }) => msg === 'request')
    expect(logged).toMatchObject({
      method: 'GET',
      route: '/api/profiles/{namespace}/{value}',
      status: 200,
      key: 'key-1',
      requestId: response.headers.get('x-request-id'),
    })
    expect(lines.join()).not.toMatch(/1990000|example\.com|reader/)
    const metrics = await (await fetch(`${served.url}/metrics`)).text()
    // Only the names and labels: a time in seconds may have any digits.
    expect(metrics.replaceAll(/ \S+$/gm, '')).not.toContain('1990000')
  })

  test('answers forbid sniffing, framing and keeping', async () => {
    const { headers } = await call('/api/profiles/phone/x')
    expect([headers.get('x-content-type-options'), headers.get('x-frame-options'), headers.get('cache-control')]).toEqual([
      'nosniff',
      'DENY',
      'no-store',
    ])
  })

  test('the collector in front answers its own paths', async () => {
    expect(await (await fetch(`${served.url}/v1/track`, { method: 'POST' })).text()).toBe('collected')
  })
})
