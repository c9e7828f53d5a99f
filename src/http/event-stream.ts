import type { Context } from 'hono'

export interface StreamedEvent {
  /** Where to resume: comes back as `Last-Event-ID`. */
  id?: string | number
  event?: string
  /** Sent as JSON. */
  data: unknown
}

export interface StreamPosition {
  /** The last event that the client has, when it resumes. */
  lastEventId: string | undefined
  /** Aborts when the client has gone or the server stops. */
  signal: AbortSignal
}

const heartbeatMs = 15_000
const retryMs = 2_000

/**
 * Server-sent events from a source that yields them. The source is asked for the next only when the client has taken the one before; a comment
 * every 15 s keeps proxies from closing a quiet stream; the source's `signal` aborts, and it is returned, when the client goes or the server stops.
 */
export function eventStream(
  c: Context,
  source: (position: StreamPosition) => AsyncIterable<StreamedEvent>,
  everyMs = heartbeatMs,
): Response {
  const gone = new AbortController()
  const stopping: AbortSignal | undefined = c.env?.stopping
  const signal = AbortSignal.any([gone.signal, c.req.raw.signal, ...(stopping ? [stopping] : [])])
  const events = source({ lastEventId: c.req.header('last-event-id') || c.req.query('lastEventId') || undefined, signal })[
    Symbol.asyncIterator
  ]()
  let next: Promise<IteratorResult<StreamedEvent>> | undefined

  const body = new ReadableStream<Uint8Array>(
    {
      start: controller => controller.enqueue(encoded(`retry: ${retryMs}\n\n`)),
      async pull(controller) {
        next ??= events.next()
        const outcome = await firstOf(next, everyMs, signal)
        if (outcome === 'heartbeat') return controller.enqueue(encoded(': still here\n\n'))
        if (outcome !== 'ended' && !outcome.done) {
          next = undefined
          return controller.enqueue(encoded(frameOf(outcome.value)))
        }
        gone.abort()
        void Promise.resolve(events.return?.()).catch(() => {})
        controller.close()
      },
      cancel() {
        gone.abort()
        void Promise.resolve(events.return?.()).catch(() => {})
      },
    },
    { highWaterMark: 1 },
  )
  return c.body(body, 200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
}

async function firstOf<T>(next: Promise<T>, everyMs: number, signal: AbortSignal): Promise<T | 'heartbeat' | 'ended'> {
  if (signal.aborted) return 'ended'
  const { promise, resolve } = Promise.withResolvers<'heartbeat' | 'ended'>()
  const timer = setTimeout(resolve, everyMs, 'heartbeat')
  const end = () => resolve('ended')
  signal.addEventListener('abort', end, { once: true })
  try {
    return await Promise.race([next, promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

/** Line ends inside a field would end it: JSON has none, and those of an id or a name are taken out. */
function frameOf({ id, event, data }: StreamedEvent): string {
  const field = (name: string, value: string | number | undefined) =>
    value === undefined ? '' : `${name}: ${String(value).replace(/[\r\n\0]/g, '')}\n`
  return `${field('id', id)}${field('event', event)}data: ${JSON.stringify(data)}\n\n`
}

const encoder = new TextEncoder()
function encoded(text: string): Uint8Array {
  return encoder.encode(text)
}
