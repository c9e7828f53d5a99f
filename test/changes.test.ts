import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Change } from '../src/feed/changes.ts'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

const start = Date.parse('2026-12-10T10:00:00+08:00')
const secret = 'a secret of the receiver'
let shop: LivingWorkspace
let key: string
const received: { changes: Change[]; body: string; signature: string }[] = []
let answers: number[] = []
const receiver = createServer((request, answer) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString()
    const status = answers.shift() ?? 200
    if (status === 200) received.push({ changes: JSON.parse(body).changes, body, signature: String(request.headers['x-zhike-signature']) })
    answer.writeHead(status).end()
  })
})

beforeAll(async () => {
  await once(receiver.listen(0, '127.0.0.1'), 'listening')
  shop = await livingWorkspace(start, {
    ZHIKE_OUTBOUND_NETWORKS: '127.0.0.0/8',
    ZHIKE_OUTBOUND_PORTS: `443,${(receiver.address() as AddressInfo).port}`,
  })
  key = (await shop.api.call<{ key: string }>('POST', '/api/keys', { name: 'feed', permissions: ['read'] })).key
  await shop.api.call('PUT', '/api/tags/stage', {
    zh: '阶段',
    kind: 'rule',
    values: [
      { value: 'buyer', rule: { event: 'Pay' } },
      { value: 'visitor', rule: { event: 'View' } },
    ],
  })
  await shop.api.call('PUT', '/api/tags/health', {
    zh: '健康',
    kind: 'rule',
    sensitive: true,
    values: [{ value: true, rule: { event: 'Pay' } }],
  })
  await shop.api.call('PUT', '/api/audiences/buyers', { zh: '买家', rule: { tag: 'stage', eq: 'buyer' } })
  await shop.flush()
})
afterAll(async () => {
  receiver.close()
  await shop.stop()
})

/** So many changes of the feed. */
async function read(count: number, query: string, lastEventId?: string): Promise<{ id: string; data: Change }[]> {
  const gone = new AbortController()
  const headers = { authorization: `Bearer ${key}`, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) }
  const answer = await fetch(`${shop.zhike.url}/api/changes?${query}`, { headers, signal: gone.signal })
  expect(answer.headers.get('content-type')).toContain('text/event-stream')
  let text = ''
  const found = () => [...text.matchAll(/id: (\d+)\nevent: change\ndata: (.*)\n\n/g)]
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString()
    if (found().length >= count) break
  }
  gone.abort()
  return found().map(([, id = '', data = '']) => ({ id, data: JSON.parse(data) as Change }))
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + 10_000
  while (!(await holds())) {
    if (performance.now() > endsAt) expect.fail('it did not come to that')
    await sleep(20)
  }
}

test('the feed tells of each change once, in order, and goes on where a reader left', async () => {
  const all = read(3, 'after=0')
  await shop.send({ userId: 'lin', event: 'View' })
  await shop.flush()
  await shop.send({ userId: 'lin', event: 'Pay' })
  await shop.flush()
  const { id } = await shop.portraitOf('lin')
  const [gained, ...rest] = (await all).slice(0, 3)
  expect(gained?.data).toMatchObject({
    profile: id,
    kind: 'tag',
    key: 'stage',
    change: 'gained',
    was: null,
    value: 'visitor',
    cause: 'event',
  })
  expect(rest.map(({ data }) => [data.key, data.change, data.value])).toEqual([
    ['buyers', 'entered', true],
    ['stage', 'changed', 'buyer'],
  ])
  const resumed = await read(2, 'after=0', gained?.id)
  expect(resumed.map(one => one.id)).toEqual(rest.map(one => one.id))
  const [entered] = await read(1, 'after=0&definitions=audience:buyers&causes=event,time')
  expect(entered?.data).toMatchObject({ key: 'buyers', change: 'entered' })
})

test('a webhook gets what is decided from now on, signed, in order, again until it says yes', async () => {
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
  const made = await shop.api.call('PUT', '/api/webhooks/crm', { url, secret, definitions: ['tag:stage', 'audience:buyers'] })
  expect(made).toMatchObject({ state: 'active', failures: 0 })
  expect(JSON.stringify(made)).not.toContain(secret)
  answers = [500, 302]
  await shop.send({ userId: 'wang', event: 'Pay' })
  await shop.flush()
  const state = () => shop.api.call<{ failures: number; lastError: string | null; state: string }>('GET', '/api/webhooks/crm')
  await until(async () => (await state()).failures === 1)
  expect(await state()).toMatchObject({ lastError: 'answered 500' })
  shop.now += 1_000
  await until(async () => (await state()).failures === 2)
  await shop.send({ userId: 'wu', event: 'View' })
  await shop.flush()
  expect(received).toEqual([])
  shop.now += 2_000
  await until(() => received.flatMap(({ changes }) => changes).length >= 3)
  expect(received.flatMap(({ changes }) => changes).map(({ key, value }) => [key, value])).toEqual([
    ['buyers', true],
    ['stage', 'buyer'],
    ['stage', 'visitor'],
  ])
  for (const { body, signature } of received) {
    const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? []
    expect(v1).toBe(createHmac('sha256', secret).update(`${t}.${body}`).digest('hex'))
  }
  await until(async () => (await state()).failures === 0)
})

test('a webhook that is gone is dead until it is written again', async () => {
  answers = [410]
  await shop.send({ userId: 'zhao', event: 'View' })
  await shop.flush()
  await until(async () => (await shop.api.call<{ state: string }>('GET', '/api/webhooks/crm')).state === 'dead')
  const before = received.length
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
  await shop.api.call('PUT', '/api/webhooks/crm', { url })
  await until(() => received.length > before)
  expect(received.at(-1)?.changes).toMatchObject([{ key: 'stage', value: 'visitor' }])
  await shop.api.call('DELETE', '/api/webhooks/crm')
  await expect(shop.api.call('GET', '/api/webhooks/crm')).rejects.toMatchObject({ status: 404 })
  await expect(shop.api.call('PUT', '/api/webhooks/other', { url: 'http://example.com:22/' })).rejects.toMatchObject({ status: 422 })
})

test('a decision and a batch answer for ids and identifiers, known and unknown', async () => {
  const lin = await shop.portraitOf('lin')
  const wu = await shop.portraitOf('wu')
  expect(await shop.api.call('GET', '/api/decide?namespace=user_id&value=lin&audiences=buyers&tags=stage')).toMatchObject({
    profile: lin.id,
    audiences: { buyers: true },
    tags: { stage: 'buyer' },
  })
  expect(await shop.api.call('GET', `/api/decide?profile=${wu.id}&audiences=buyers&tags=stage`)).toMatchObject({
    audiences: { buyers: false },
    tags: { stage: 'visitor' },
  })
  expect(await shop.api.call('GET', '/api/decide?namespace=user_id&value=nobody&audiences=buyers')).toMatchObject({
    profile: null,
    audiences: { buyers: false },
  })
  await expect(shop.api.call('GET', '/api/decide?profile=1&audiences=nobodys')).rejects.toMatchObject({ status: 404 })
  await expect(shop.api.call('GET', '/api/decide?audiences=buyers')).rejects.toMatchObject({ status: 422 })
  const answer = await fetch(`${shop.zhike.url}/api/decide?profile=1&tags=health`, { headers: { authorization: `Bearer ${key}` } })
  expect(answer.status).toBe(403)
  const profiles = [wu.id, { namespace: 'user_id', value: 'lin' }, '999999', { namespace: 'user_id', value: 'nobody' }]
  expect(await shop.api.call('POST', '/api/profiles/batch', { profiles })).toMatchObject({
    profiles: [
      { id: wu.id, tags: [{ key: 'stage', value: 'visitor' }], audiences: [] },
      { id: lin.id, tags: [{ key: 'health' }, { key: 'stage', value: 'buyer' }], audiences: ['buyers'] },
      null,
      null,
    ],
  })
})

test('every tag and audience of a person is explained, by its parts', async () => {
  const { id } = await shop.portraitOf('lin')
  expect(await shop.api.call('GET', `/api/profiles/${id}/explain?tag=stage`)).toMatchObject({
    held: { value: 'buyer', score: 0.9 },
    rules: [
      { path: 'values[0].rule', verdict: true, explanation: { path: 'values[0].rule', evidence: { count: 1 } } },
      { path: 'values[1].rule', verdict: true },
    ],
  })
  expect(await shop.api.call('GET', `/api/profiles/${id}/explain?audience=buyers&at=2026-12-01T00:00:00Z`)).toMatchObject({ rules: [] })
  expect(await shop.api.call('GET', `/api/profiles/${id}/explain?audience=buyers`)).toMatchObject({
    rules: [{ path: 'rule', verdict: true, explanation: { evidence: { value: 'buyer' } } }],
  })
  await expect(shop.api.call('GET', `/api/profiles/${id}/explain`)).rejects.toMatchObject({ status: 422 })
})
