import { request } from 'node:http'
import { Hono } from 'hono'
import { afterEach, expect, test } from 'vitest'
import { eventStream, type StreamedEvent, type StreamPosition } from './event-stream.ts'
import { createLogger } from './logger.ts'
import { type Served, serve } from './server.ts'

const logger = createLogger('silent')
const notMine = async () => false
const started: Served[] = []
afterEach(async () => void (await Promise.all(started.splice(0).map(served => served.stop()))))

async function serving(app: Hono, stopWithinMs = 2000): Promise<Served> {
  const served = await serve(app, notMine, { host: '127.0.0.1', port: 0, logger, stopWithinMs })
  started.push(served)
  return served
}

function streaming(source: (position: StreamPosition) => AsyncIterable<StreamedEvent>, everyMs?: number): Hono {
  return new Hono().get('/tail', c => eventStream(c, source, everyMs))
}

async function readUntil(response: Response, text: string): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let read = ''
  while (reader && !read.includes(text)) {
    const { done, value } = await reader.read()
    if (done) break
    read += value
  }
  await reader?.cancel()
  return read
}

const later = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

test('a taken port is refused with what to do', async () => {
  const served = await serving(new Hono())
  const port = Number(new URL(served.url).port)
  await expect(serve(new Hono(), notMine, { host: '127.0.0.1', port, logger })).rejects.toMatchObject({
    code: 'port-in-use',
    message: expect.stringContaining('ZHIKE_PORT'),
  })
})

test('a stop lets a request in flight finish, takes no new one, and does not wait for idle connections', async () => {
  const served = await serving(
    new Hono()
      .get('/slow', async c => {
        await later(200)
        return c.text('finished')
      })
      .get('/quick', c => c.text('quick')),
  )
  await (await fetch(`${served.url}/quick`)).text()
  const slow = fetch(`${served.url}/slow`)
  await later(50)
  const start = performance.now()
  const stopped = served.stop()
  await expect(fetch(`${served.url}/quick`)).rejects.toThrow()
  expect(await (await slow).text()).toBe('finished')
  await stopped
  expect(performance.now() - start).toBeLessThan(1500)
})

test('a stop cuts what does not finish within the bound', async () => {
  const served = await serving(
    new Hono().get('/never', () => new Promise<Response>(() => {})),
    100,
  )
  const never = fetch(`${served.url}/never`)
  await later(30)
  await served.stop()
  await expect(never).rejects.toThrow()
})

test('a stop ends event streams at once', async () => {
  const served = await serving(
    streaming(async function* ({ signal }) {
      yield { id: 1, data: { n: 1 } }
      await new Promise(resolve => signal.addEventListener('abort', resolve))
    }),
  )
  const response = await fetch(`${served.url}/tail`)
  const text = response.text()
  await later(50)
  const start = performance.now()
  await served.stop()
  expect(performance.now() - start).toBeLessThan(1000)
  expect(await text).toContain('id: 1\ndata: {"n":1}\n\n')
})

test('a stream resumes after the last event that the client has, and a line end cannot forge a field', async () => {
  const served = await serving(
    streaming(async function* ({ lastEventId }) {
      yield { id: Number(lastEventId) + 1, event: 'event\ndata: forged', data: 'a\nb' }
    }),
  )
  const response = await fetch(`${served.url}/tail`, { headers: { 'last-event-id': '41' } })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  expect(await response.text()).toBe('retry: 2000\n\nid: 42\nevent: eventdata: forged\ndata: "a\\nb"\n\n')
})

test('a quiet stream beats', async () => {
  const served = await serving(
    streaming(async function* ({ signal }) {
      await new Promise(resolve => signal.addEventListener('abort', resolve))
    }, 20),
  )
  expect(await readUntil(await fetch(`${served.url}/tail`), 'still here')).toContain(': still here\n\n')
})

test('a source is told when its client goes, also while it has nothing to say', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const served = await serving(
    streaming(async function* ({ signal }) {
      yield { data: 1 }
      try {
        await new Promise(done => signal.addEventListener('abort', done))
      } finally {
        resolve('told')
      }
    }),
  )
  await readUntil(await fetch(`${served.url}/tail`), 'data: 1')
  expect(await promise).toBe('told')
})

test('a client that does not read holds the source back', async () => {
  let given = 0
  const block = 'x'.repeat(64 * 1024)
  const served = await serving(
    streaming(async function* () {
      while (given < 5000) {
        given++
        yield { data: block }
      }
    }),
  )
  const paused = request(`${served.url}/tail`, response => response.pause()).end()
  await later(500)
  const early = given
  await later(300)
  paused.destroy()
  expect(early).toBeGreaterThan(0)
  expect(given).toBe(early)
  expect(given).toBeLessThan(1000)
})
