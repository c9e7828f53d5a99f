import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { type Log, LogBusy, LogClosed, LogFailed, LogFull } from '../log/log.ts'
import { parseBody } from './body.ts'
import { allowOrigin, allowRequest } from './cors.ts'
import { append, type Examined, examine } from './examine.ts'
import type { Answer, Format, Head, Route, Site } from './format.ts'
import { formats } from './formats/index.ts'
import { type Budget, type Held, type Reception, receive } from './receive.ts'
import type { Source } from './sources.ts'

export interface CollectorOptions {
  log: Log
  sources: { withWriteKey(writeKey: string): Source | undefined }
  now: () => number
  /** Bytes of requests that may be on their way into the log at once; more are told to come back. */
  maxBytesInFlight?: number
  /** How many proxies stand in front and add to `X-Forwarded-For`; their word on the sender's address is taken. */
  trustedProxies?: number
  /** Told of every request for events once its answer is decided. */
  observe?: (happened: Observation) => void
  /** Told of a fault of ours; the error carries nothing of a request. */
  onFault?: (error: unknown) => void
}

export interface Observation {
  format: string
  status: number
  /** Missing where the write key was. */
  source: string | undefined
  accepted: number
  rejected: number
}

export interface Collector {
  /** Resolves false when the request is none of the collector's, and has not touched it then; true once it is being answered. */
  handle(req: IncomingMessage, res: ServerResponse): Promise<boolean>
}

/** A request for events on its way. */
interface Exchange {
  req: IncomingMessage
  res: ServerResponse
  head: Head
  format: Format
  route: Route & { kind: 'events' }
}

const handled = Promise.resolve(true)
const passed = Promise.resolve(false)

/** The front door for events: in front of the router, as close to the bare server as it can be. */
export function createCollector(options: CollectorOptions): Collector {
  const budget: Budget = { used: 0, limit: options.maxBytesInFlight ?? 64 * 1024 * 1024 }
  return {
    handle(req, res) {
      const head = headOf(req)
      if (head.method === 'OPTIONS') return preflight(req, res, head) ? handled : passed
      for (const format of formats) {
        const route = format.route(head)
        if (route === undefined) continue
        allowOrigin(req, res)
        if (route.kind === 'events') void take({ req, res, head, format, route }, options, budget)
        else if (route.kind === 'asset') send(res, route.answer(head))
        else send(res, documentOf(req, head, format, route, options))
        return handled
      }
      return passed
    },
  }
}

function headOf(req: IncomingMessage): Head {
  const { url = '', method = '', headers } = req
  const mark = url.indexOf('?')
  return { method, path: mark < 0 ? url : url.slice(0, mark), query: mark < 0 ? '' : url.slice(mark + 1), headers }
}

function preflight(req: IncomingMessage, res: ServerResponse, head: Head): boolean {
  const method = req.headers['access-control-request-method'] ?? 'POST'
  if (!formats.some(format => format.route({ ...head, method }))) return false
  allowRequest(req, res)
  return true
}

function documentOf(
  req: IncomingMessage,
  head: Head,
  format: Format,
  route: Route & { kind: 'document' },
  options: CollectorOptions,
): Answer {
  const source = sourceOf(format, format.writeKey(head), options)
  return isAnswer(source) ? source : route.answer(source, head, siteOf(req, options))
}

async function take(exchange: Exchange, options: CollectorOptions, budget: Budget): Promise<void> {
  const held: Held = { bytes: 0 }
  try {
    await takeEvents(exchange, options, budget, held)
  } catch (error) {
    fail(exchange, error, options)
  } finally {
    budget.used -= held.bytes
  }
}

async function takeEvents(exchange: Exchange, options: CollectorOptions, budget: Budget, held: Held): Promise<void> {
  const { req, head, format, route } = exchange
  // A key in the head is looked at before the body is read, so that strangers cost nothing.
  const early = format.writeKey(head)
  const known = early === undefined ? undefined : sourceOf(format, early, options)
  if (known !== undefined && isAnswer(known)) return answer(exchange, known, options)

  const receivedAt = options.now()
  const received = await receive(req, route.maxBytes, budget, held)
  if (typeof received === 'string') return unread(exchange, received, options)

  const { bytes, room } = received
  const parsed = known === undefined ? parseBody(bytes) : undefined
  const source = known ?? sourceOf(format, format.writeKey(head, parsed?.value), options)
  if (isAnswer(source)) return answer(exchange, source, options)

  const ip = addressOf(req, options.trustedProxies ?? 0)
  const examined = examine(
    { format, form: route.form, source: source.key, channel: source.kind, receivedAt, ip, bytes, room, parsed },
    options.log.partitions,
  )
  await append(options.log, examined.records)
  answer(exchange, answerTo(examined, format), options, source.key, examined)
}

function answerTo({ refused, rejected }: Examined, { answers }: Format): Answer {
  return refused === undefined ? answers.accepted(rejected) : answers.refused(400, refused.code, refused.message)
}

function answer({ res, format }: Exchange, answer: Answer, options: CollectorOptions, source?: string, examined?: Examined): void {
  send(res, answer)
  const rejected = examined?.rejected.length ?? 0
  options.observe?.({ format: format.name, status: answer.status, source, accepted: (examined?.items ?? 0) - rejected, rejected })
}

/** The source of a write key, or the answer where there is none: every SDK gives such a request up. */
function sourceOf({ answers }: Format, writeKey: string | undefined, { sources }: CollectorOptions): Source | Answer {
  if (writeKey === undefined)
    return answers.refused(401, 'no_write_key', 'Send the write key as the user of Basic authorization, or as writeKey.')
  const source = sources.withWriteKey(writeKey)
  if (source === undefined) return answers.refused(401, 'unknown_write_key', 'The write key is not known.')
  return source.enabled ? source : answers.refused(404, 'source_disabled', 'The source is disabled.')
}

function isAnswer(found: Source | Answer): found is Answer {
  return 'status' in found
}

function unread(exchange: Exchange, reception: Exclude<Reception, object>, options: CollectorOptions): void {
  const { refused } = exchange.format.answers
  const { maxBytes, tooLarge } = exchange.route
  if (reception === 'too_large')
    answer(exchange, refused(tooLarge, 'body_too_large', `A request may have ${maxBytes} bytes: send it in parts.`), options)
  if (reception === 'bad_encoding')
    answer(
      exchange,
      refused(400, 'bad_encoding', 'The body is not what its Content-Encoding says: gzip, deflate and br are read.'),
      options,
    )
  if (reception === 'overloaded') later(exchange, overloaded, options)
}

interface Delay {
  status: 429 | 503
  code: string
  message: string
  afterSeconds: number
}

const overloaded: Delay = { status: 429, code: 'overloaded', message: 'Too much is on its way: try again in a second.', afterSeconds: 1 }
const full: Delay = { status: 503, code: 'log_full', message: 'The disk of the log is full: try again later.', afterSeconds: 10 }
const failed: Delay = { status: 503, code: 'log_failed', message: 'The log cannot be written: try again later.', afterSeconds: 5 }
const stopping: Delay = { status: 503, code: 'stopping', message: 'The server is stopping: try again in a moment.', afterSeconds: 2 }

function delayFor(error: unknown): Delay | undefined {
  if (error instanceof LogBusy) return overloaded
  if (error instanceof LogFull) return full
  if (error instanceof LogFailed) return failed
  return error instanceof LogClosed ? stopping : undefined
}

function later(exchange: Exchange, { status, code, message, afterSeconds }: Delay, options: CollectorOptions): void {
  exchange.res.setHeader('Retry-After', afterSeconds)
  answer(exchange, exchange.format.answers.refused(status, code, message), options)
}

function fail(exchange: Exchange, error: unknown, options: CollectorOptions): void {
  const delay = delayFor(error)
  if (delay === undefined) options.onFault?.(error)
  if (exchange.res.headersSent) return
  if (delay) later(exchange, delay, options)
  else answer(exchange, exchange.format.answers.refused(500, 'fault', 'The request met a fault of the server: try again later.'), options)
}

function addressOf(req: IncomingMessage, trustedProxies: number): string {
  const direct = req.socket.remoteAddress ?? ''
  if (trustedProxies === 0) return direct
  const named = String(req.headers['x-forwarded-for'] ?? '').split(',')
  const address = named.at(-trustedProxies)?.trim() ?? ''
  return isIP(address) > 0 ? address : direct
}

function siteOf(req: IncomingMessage, options: CollectorOptions): Site {
  const forwarded = (options.trustedProxies ?? 0) > 0 ? req.headers['x-forwarded-proto'] : undefined
  return { protocol: forwarded === 'https' || 'encrypted' in req.socket ? 'https' : 'http', host: req.headers.host ?? 'localhost' }
}

function send(res: ServerResponse, { status, type, body, headers }: Answer): void {
  if (res.destroyed) return
  for (const name in headers) res.appendHeader(name, headers[name] as string)
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  res.end(body)
}
