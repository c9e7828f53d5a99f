import fc from 'fast-check'
import { expect, test } from 'vitest'
import { blocksOf } from './blocks.ts'
import { columnsIn, ndjsonScan } from './ndjson.ts'

const longest = 40

async function read(text: string | Buffer, sizes: readonly number[]): Promise<unknown[]> {
  const bytes = Buffer.from(text)
  async function* chunks() {
    let at = 0
    for (const size of sizes) {
      yield bytes.subarray(at, at + size)
      at += size
    }
    yield bytes.subarray(at)
  }
  const rows: unknown[] = []
  for await (const block of blocksOf(chunks(), ndjsonScan(['a', 'b.c'], longest), { offset: 0, line: 1 })) {
    for (let row = 0; row < block.count; row++) {
      rows.push([block.lineOf(row), block.faultOf(row)?.code ?? [block.cell(row, 0), block.cell(row, 1)]])
    }
  }
  return rows
}

test('each line is a row, wherever its chunks end', async () => {
  const lines = fc.array(
    fc.constantFrom(
      '{"a":1}',
      '{"b":{"c":"好"}}',
      '{"b.c":2,"b":{"c":3}}',
      '',
      ' \r',
      '[1]',
      '{',
      'null',
      `{"a":"${'x'.repeat(60)}"}`,
      '{"a":1}\r',
    ),
  )
  await fc.assert(
    fc.asyncProperty(lines, fc.boolean(), fc.array(fc.integer({ min: 0, max: 50 })), async (written, ended, sizes) => {
      const text = `${written.join('\n')}${ended ? '\n' : ''}`
      const expected = text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [[index + 1, slowly(line)]]))
      expect(await read(text, sizes)).toEqual(expected)
    }),
    { numRuns: 500 },
  )
})

function slowly(line: string): unknown {
  if (Buffer.byteLength(line) > longest) return 'row-too-long'
  try {
    const object = JSON.parse(line) as Record<string, unknown>
    if (object === null || typeof object !== 'object' || Array.isArray(object)) return 'not-an-object'
    return [object.a, 'b.c' in object ? object['b.c'] : (object.b as Record<string, unknown> | undefined)?.c]
  } catch {
    return 'not-an-object'
  }
}

test('a line that is not UTF-8 is a fault', async () => {
  expect(await read(Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc4, 0xe3]), Buffer.from('"}\n{"a":1}')]), [])).toEqual([
    [1, 'not-utf8'],
    [2, [1, undefined]],
  ])
})

test('the columns of an object are its paths', () => {
  expect(columnsIn({ a: 1, b: { c: 2, d: { e: 3 } }, f: [1] })).toEqual(['a', 'b.c', 'b.d.e', 'f'])
})
