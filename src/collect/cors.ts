import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Browsers may send from any page: a write key is public, and no cookie is looked at. Requested headers are echoed because `*` does
 * not cover Authorization, the origin because beacons come with credentials.
 */
export function allowOrigin(req: IncomingMessage, res: ServerResponse): void {
  const { origin } = req.headers
  if (origin === undefined) return
  res.setHeader('Access-Control-Allow-Origin', origin)
  res.setHeader('Access-Control-Allow-Credentials', 'true')
  res.setHeader('Access-Control-Expose-Headers', 'Retry-After')
  res.setHeader('Vary', 'Origin')
}

/** The answer to a pre-flight. */
export function allowRequest(req: IncomingMessage, res: ServerResponse): void {
  allowOrigin(req, res)
  res.setHeader('Access-Control-Allow-Methods', 'GET, POST, HEAD, OPTIONS')
  const headers = req.headers['access-control-request-headers']
  if (headers !== undefined) res.setHeader('Access-Control-Allow-Headers', headers)
  res.setHeader('Access-Control-Max-Age', '86400')
  res.writeHead(204).end()
}
