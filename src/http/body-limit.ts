import type { Context } from 'hono'
import { Refusal } from '../refusal.ts'

/** Refuses a larger body before a handler sees it: by its declared length, or by reading a chunked one up to the limit. */
export async function bodyAtMost(c: Context, bytes: number): Promise<void> {
  const declared = c.req.header('content-length')
  if (declared !== undefined) {
    if (Number(declared) > bytes) throw tooLarge(bytes)
    return
  }
  const { body, url, method, headers, signal } = c.req.raw
  if (c.req.header('transfer-encoding') === undefined || !body) return
  c.req.raw = new Request(url, { method, headers, signal, body: await read(body, bytes) })
}

async function read(body: ReadableStream<Uint8Array>, bytes: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.byteLength
    if (length > bytes) throw tooLarge(bytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLarge(bytes: number): Refusal {
  return new Refusal(413, 'too-large', `the body may have at most ${bytes} bytes here`)
}
