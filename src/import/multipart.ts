import { Refusal } from '../refusal.ts'

/** One part of a multipart/form-data body (RFC 7578). Its content must be read before the next part is asked for. */
export interface Part {
  name: string
  fileName: string | undefined
  content: AsyncGenerator<Buffer>
}

const longestHead = 16_384

/** The parts of a multipart body as they come: no part is held in memory as a whole. */
export async function* partsOf(body: AsyncIterable<Uint8Array>, contentType: string): AsyncGenerator<Part> {
  const boundary = /boundary=(?:"([^"]{1,70})"|([^;,\s]{1,70}))/i.exec(contentType)
  const marker = boundary?.[1] ?? boundary?.[2]
  if (!marker) throw broken('the content type names no boundary')
  const bytes = new Held(body[Symbol.asyncIterator]())
  const delimiter = Buffer.from(`\r\n--${marker}`)
  // The first delimiter may stand at the very beginning, without a line break before it.
  bytes.prepend(Buffer.from('\r\n'))
  await drained(bytes.until(delimiter))
  while (!(await bytes.startsWith('--'))) {
    const head = (await joined(bytes.until(Buffer.from('\r\n\r\n'), longestHead))).toString()
    const content = bytes.until(delimiter)
    yield { name: attribute(head, 'name') ?? '', fileName: attribute(head, 'filename'), content }
    await drained(content)
  }
}

/** All of a small part. @throws Refusal when it is longer */
export async function joined(content: AsyncIterable<Buffer>, longest = 1024 * 1024): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of content) {
    size += chunk.length
    if (size > longest) throw new Refusal(413, 'too-large', `This part may have at most ${longest} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function drained(content: AsyncGenerator<Buffer>): Promise<void> {
  for await (const _ of content);
}

function attribute(head: string, name: string): string | undefined {
  const disposition = /^\s*content-disposition:(.*)$/im.exec(head)?.[1] ?? ''
  return new RegExp(`[;\\s]${name}="([^"]*)"`, 'i').exec(disposition)?.[1]
}

function broken(why: string): Refusal {
  return new Refusal(400, 'multipart-broken', `The multipart body cannot be read: ${why}.`)
}

/** Bytes of a stream that have come and are not used yet. */
class Held {
  readonly #source: AsyncIterator<Uint8Array>
  #bytes: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source
  }

  prepend(bytes: Buffer): void {
    this.#bytes = Buffer.concat([bytes, this.#bytes])
  }

  async startsWith(text: string): Promise<boolean> {
    while (this.#bytes.length < text.length) if (!(await this.#more())) throw broken('it ends in the middle')
    return this.#bytes.toString('latin1', 0, text.length) === text
  }

  /** What comes before the mark, and takes the mark away. */
  async *until(mark: Buffer, longest = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
    for (let given = 0; ; ) {
      const found = this.#bytes.indexOf(mark)
      const sure = found >= 0 ? found : Math.max(0, this.#bytes.length - mark.length + 1)
      given += sure
      if (given > longest) throw broken('a header is too long')
      if (sure > 0) {
        const piece = this.#bytes.subarray(0, sure)
        this.#bytes = this.#bytes.subarray(sure)
        yield piece
      }
      if (found >= 0) {
        this.#bytes = this.#bytes.subarray(mark.length)
        return
      }
      if (!(await this.#more())) throw broken('it ends in the middle')
    }
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next()
    if (next.done) return false
    this.#bytes = Buffer.concat([this.#bytes, next.value])
    return true
  }
}
