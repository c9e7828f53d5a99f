import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Refusal } from '../refusal.ts'
import type { Logger } from './logger.ts'
import { problemOf } from './problem.ts'

/** A handler in front of the API; resolves true when it answered (or will), false when the request is not its own. */
export type FrontHandler = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>

export interface ServerOptions {
  host: string
  /** 0 takes a free one. */
  port: number
  logger: Logger
  /** How long a stop waits for what is in flight. */
  stopWithinMs?: number
}

export interface Served {
  /** With the port that was taken. */
  url: string
  server: Server
  /** Takes no more connections, ends event streams, lets requests in flight finish within the bound, then closes what is left. */
  stop(): Promise<void>
}

/** One plain server: the collector's hot path first, then the API. */
export async function serve(
  app: { fetch(request: Request, env: unknown): Response | Promise<Response> },
  front: FrontHandler,
  options: ServerOptions,
): Promise<Served> {
  const { host, port, logger, stopWithinMs = 10_000 } = options
  const stopping = new AbortController()
  const api = getRequestListener((request, env) => app.fetch(request, { ...env, stopping: stopping.signal }), {
    overrideGlobalObjects: false,
  })
  const server = createServer((request, response) => {
    if (stopping.signal.aborted) response.setHeader('connection', 'close')
    front(request, response)
      .then(handled => (handled ? undefined : api(request, response)))
      .catch((error: unknown) => answerFault(error, response, logger))
  })
  server.headersTimeout = 15_000
  server.requestTimeout = 30 * 60_000
  server.keepAliveTimeout = 65_000
  server.timeout = 120_000
  await listen(server, host, port)
  const taken = server.address() as AddressInfo
  return {
    url: `http://${urlHost(host)}:${taken.port}`,
    server,
    stop: () => stop(server, stopping, stopWithinMs),
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => reject(listenFault(error, host, port)))
    server.listen(port, host, resolve)
  })
}

function listenFault(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE')
    return new Refusal(
      409,
      'port-in-use',
      `port ${port} on ${host} is taken by another program; stop it or choose another port with ZHIKE_PORT`,
    )
  if (error.code === 'EACCES')
    return new Refusal(403, 'port-forbidden', `port ${port} may not be opened by this user; choose one above 1023 with ZHIKE_PORT`)
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new Refusal(400, 'host-unknown', `${host} is no address of this machine; set ZHIKE_HOST to one (127.0.0.1, 0.0.0.0)`)
  return error
}

async function stop(server: Server, stopping: AbortController, withinMs: number): Promise<void> {
  if (!server.listening) return
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  stopping.abort()
  const sweep = setInterval(() => server.closeIdleConnections(), 20)
  const late = setTimeout(() => server.closeAllConnections(), withinMs)
  await closed
  clearInterval(sweep)
  clearTimeout(late)
}

function answerFault(error: unknown, response: ServerResponse, logger: Logger): void {
  logger.error({ err: error }, 'request failed before the API')
  if (response.headersSent || response.destroyed) return void response.destroy()
  const problem = problemOf(error, '')
  response.writeHead(problem.status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
