import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { headroom } from './record.ts'

/** A request's body, decompressed, or why there is none. */
export type Reception = { bytes: Buffer; room: number } | 'too_large' | 'bad_encoding' | 'overloaded' | 'aborted'

/** Bytes of requests that are on their way into the log: what bounds the memory of the collector. */
export interface Budget {
  used: number
  readonly limit: number
}

/** What one request has taken from the budget; whoever made it gives it back. */
export interface Held {
  bytes: number
}

/** Reads a body of any content type. */
export function receive(req: IncomingMessage, maxBytes: number, budget: Budget, held: Held): Promise<Reception> {
  const { 'content-length': declared, 'content-encoding': encoding } = req.headers
  const length = declared === undefined ? undefined : Number(declared)
  if (length !== undefined && length > maxBytes) return Promise.resolve('too_large')
  if (budget.used + (length ?? 0) > budget.limit) return Promise.resolve('overloaded')
  const raw = length === undefined ? readChunks(req, maxBytes, budget, held) : readKnown(req, length, budget, held)
  return encoding === undefined ? raw : raw.then(read => (typeof read === 'string' ? read : decompressed(read.bytes, encoding, maxBytes)))
}

/** Into memory with room for the record's envelope before it, so that the bytes are copied once. */
function readKnown(req: IncomingMessage, length: number, budget: Budget, held: Held): Promise<Reception> {
  return new Promise(resolve => {
    const buffer = Buffer.allocUnsafe(headroom + length)
    let end = headroom
    req.on('data', (chunk: Buffer) => {
      hold(chunk.length, budget, held)
      buffer.set(chunk, end)
      end += chunk.length
    })
    req.on('end', () => resolve({ bytes: buffer.subarray(headroom, end), room: headroom }))
    req.on('close', () => resolve('aborted'))
  })
}

function readChunks(req: IncomingMessage, maxBytes: number, budget: Budget, held: Held): Promise<Reception> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => {
      if (held.bytes + chunk.length > maxBytes) return resolve('too_large')
      if (budget.used + chunk.length > budget.limit) return resolve('overloaded')
      hold(chunk.length, budget, held)
      chunks.push(chunk)
    })
    req.on('end', () => resolve({ bytes: Buffer.concat(chunks), room: 0 }))
    req.on('close', () => resolve('aborted'))
  })
}

function hold(bytes: number, budget: Budget, held: Held): void {
  budget.used += bytes
  held.bytes += bytes
}

const decoders: Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

async function decompressed(bytes: Buffer, encoding: string, maxBytes: number): Promise<Reception> {
  const name = encoding.trim().toLowerCase()
  if (name === 'identity' || name === '') return { bytes, room: 0 }
  const decode = decoders[name]
  if (!decode) return 'bad_encoding'
  try {
    return { bytes: await decode(bytes, { maxOutputLength: maxBytes }), room: 0 }
  } catch (error) {
    return error instanceof RangeError || (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'bad_encoding'
  }
}
