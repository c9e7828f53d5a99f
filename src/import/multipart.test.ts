import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joined, partsOf } from './multipart.ts'

async function* chunked(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0
  for (const size of sizes) {
    yield bytes.subarray(at, at + size)
    at += size
  }
  yield bytes.subarray(at)
}

async function read(bytes: Buffer, sizes: readonly number[], contentType: string) {
  const parts: { name: string; fileName: string | undefined; text: string }[] = []
  for await (const { name, fileName, content } of partsOf(chunked(bytes, sizes), contentType)) {
    parts.push({ name, fileName, text: (await joined(content)).toString('latin1') })
  }
  return parts
}

test('a form is read as it was written, wherever its chunks end', async () => {
  const content = fc
    .array(fc.constantFrom('\r\n', '--', '\r\n--', 'B', 'bound', '\r\n--bound', 'x', '\0', '\n'))
    .map(parts => parts.join(''))
  const form = fc.array(
    fc.record({ name: fc.constantFrom('file', 'mapping'), fileName: fc.constantFrom(undefined, '订单.csv', 'a b.csv'), content }),
    { maxLength: 4 },
  )
  await fc.assert(
    fc.asyncProperty(form, fc.array(fc.integer({ min: 0, max: 30 })), async (fields, sizes) => {
      const body = new FormData()
      for (const { name, fileName, content } of fields) {
        if (fileName === undefined) body.append(name, content)
        else body.append(name, new File([content], fileName))
      }
      const written = new Response(body)
      const contentType = written.headers.get('content-type') ?? ''
      const parts = await read(Buffer.from(await written.arrayBuffer()), sizes, contentType)
      const asSent = (text: string, isFile: boolean) => (isFile ? text : text.replace(/\r\n|\r|\n/g, '\r\n'))
      expect(parts.map(({ name, text }) => [name, text])).toEqual(
        fields.map(({ name, fileName, content }) => [name, asSent(content, fileName !== undefined)]),
      )
    }),
    { numRuns: 300 },
  )
})

test.each([
  ['--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc', 'ends in the middle'],
  ['no delimiter', 'ends in the middle'],
  ['', 'ends in the middle'],
  [`--b\r\n${'x'.repeat(20_000)}`, 'a header is too long'],
])('a broken form is refused', async (text, why) => {
  await expect(read(Buffer.from(text), [], 'multipart/form-data; boundary=b')).rejects.toThrow(why)
})

test('without a boundary there is no form', async () => {
  await expect(read(Buffer.from(''), [], 'multipart/form-data')).rejects.toThrow('names no boundary')
})
