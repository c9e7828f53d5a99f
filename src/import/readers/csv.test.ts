import fc from 'fast-check'
import { expect, test } from 'vitest'
import { blocksOf } from './blocks.ts'
import { csvHeader, csvScan } from './csv.ts'
import type { Place } from './rows.ts'

interface ReadRow {
  line: number
  fields?: string[]
  fault?: string
}

test('whatever the file and wherever its chunks end, the rows are those of the slow reading', async () => {
  await fc.assert(
    fc.asyncProperty(files, fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 40 }), async (text, sizes) => {
      expect(await read(text, sizes)).toEqual(slowly(text))
    }),
    { numRuns: 2000 },
  )
})

test('reading can start again after any block', async () => {
  await fc.assert(
    fc.asyncProperty(files, fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 40 }), async (text, sizes) => {
      const all = await read(text, [])
      for (const { place, rows } of await readBlocks(text, sizes)) {
        expect([...rows, ...(await read(text, [], place))]).toEqual(all)
      }
    }),
    { numRuns: 300 },
  )
})

test('quotes, line breaks inside them, CRLF and blank lines', async () => {
  const text = 'a,b\r\n\r\n"x, ""y""\r\nz",2\r\n,"",\n5" nail,é\n'
  expect(await read(text, [])).toEqual([
    { line: 1, fields: ['a', 'b'] },
    { line: 3, fields: ['x, "y"\r\nz', '2'] },
    { line: 5, fault: 'field-count' },
    { line: 6, fields: ['5" nail', 'é'] },
  ])
})

test('a stray quote costs its own line only', async () => {
  expect(await read('1,ok\n2,"open\n3,ok\n4,ok\n', [])).toEqual([
    { line: 1, fields: ['1', 'ok'] },
    { line: 2, fault: 'quote-never-closed' },
    { line: 3, fields: ['3', 'ok'] },
    { line: 4, fields: ['4', 'ok'] },
  ])
  expect(await read('1,"open\n2,ok\n3,"x" y\n', [])).toEqual([
    { line: 1, fault: 'text-after-quote' },
    { line: 2, fields: ['2', 'ok'] },
    { line: 3, fault: 'text-after-quote' },
  ])
})

test('a row that is not UTF-8 is a fault, its neighbours are not', async () => {
  const bytes = Buffer.concat([Buffer.from('好,1\n'), Buffer.from([0xc4, 0xe3, 0x2c, 0x32, 0x0a]), Buffer.from('吗,3\n')])
  expect(await readBytes(bytes, [4])).toEqual([
    { line: 1, fields: ['好', '1'] },
    { line: 2, fault: 'not-utf8' },
    { line: 3, fields: ['吗', '3'] },
  ])
})

test('the header is a record of its own', () => {
  const header = csvHeader({ delimiter: ';' }, Buffer.from('"a;1";b\r\n1;2\r\n'), true)
  expect(header).toMatchObject({ fields: ['a;1', 'b'], end: { offset: 9, line: 2 } })
})

const pieces = fc.constantFrom(
  'a',
  'b,c',
  ',',
  '\n',
  '\r\n',
  '\r',
  '"',
  '""',
  'é',
  '好',
  '"q"',
  '"q,\n"',
  '1,2\n',
  '3,"4"\n',
  '"5","6 ""x"""\r\n',
  ' ',
)
const files = fc.array(pieces, { maxLength: 60 }).map(parts => parts.join(''))
const longest = 25
const beginning: Place = { offset: 0, line: 1 }

async function read(text: string, sizes: number[], from = beginning): Promise<ReadRow[]> {
  return readBytes(Buffer.from(text), sizes, from)
}

async function readBytes(bytes: Buffer, sizes: number[], from = beginning): Promise<ReadRow[]> {
  return (await blocks(bytes, sizes, from)).at(-1)?.rows ?? []
}

async function readBlocks(text: string, sizes: number[]) {
  return blocks(Buffer.from(text), sizes, beginning)
}

/** After each block: the rows so far, and where reading could start again. */
async function blocks(bytes: Buffer, sizes: number[], from: Place): Promise<{ place: Place; rows: ReadRow[] }[]> {
  const rows: ReadRow[] = []
  const found: { place: Place; rows: ReadRow[] }[] = []
  for await (const block of blocksOf(chunked(bytes.subarray(from.offset), sizes), csvScan({ delimiter: ',' }, ['x', 'y'], longest), from)) {
    for (let row = 0; row < block.count; row++) {
      const fault = block.faultOf(row)
      rows.push(
        fault
          ? { line: block.lineOf(row), fault: fault.code }
          : { line: block.lineOf(row), fields: [0, 1].map(column => `${block.cell(row, column)}`) },
      )
    }
    found.push({ place: block.end, rows: [...rows] })
  }
  return found
}

async function* chunked(bytes: Buffer, sizes: number[]): AsyncGenerator<Buffer> {
  let at = 0
  for (const size of sizes) {
    if (at < bytes.length) yield bytes.subarray(at, at + size)
    at += size
  }
  if (at < bytes.length) yield bytes.subarray(at)
}

/** RFC 4180 read one character after the other, as the reader's comment says it. */
function slowly(text: string): ReadRow[] {
  const rows: ReadRow[] = []
  let at = 0
  let line = 1
  const newlineAt = (index: number) => (text[index] === '\n' ? 1 : text.startsWith('\r\n', index) ? 2 : 0)

  while (at < text.length) {
    const blank = newlineAt(at)
    if (blank > 0) {
      at += blank
      line++
      continue
    }
    const row = slowRow(text, at)
    const size = Buffer.byteLength(text.slice(at, row.end))
    const fault = size > longest ? 'row-too-long' : row.fault
    if (fault) {
      rows.push({ line, fault })
      const end = text.indexOf('\n', at)
      at = end < 0 ? text.length : end + 1
      line++
    } else {
      rows.push({ line, fields: row.fields })
      line += text.slice(at, row.end).split('\n').length - 1
      at = row.end
    }
  }
  return rows
}

function slowRow(text: string, start: number): { fields: string[]; end: number; fault?: string } {
  const fields: string[] = []
  let at = start
  for (;;) {
    if (text[at] === '"') {
      let value = ''
      at++
      while (at < text.length && (text[at] !== '"' || text[at + 1] === '"')) {
        value += text[at]
        at += text[at] === '"' ? 2 : 1
      }
      if (at >= text.length) return { fields, end: text.length, fault: 'quote-never-closed' }
      at++
      fields.push(value)
      const atEnd = at >= text.length || (text[at] === '\r' && at + 1 === text.length)
      if (!atEnd && text[at] !== ',' && text[at] !== '\n' && !text.startsWith('\r\n', at))
        return { fields, end: at, fault: 'text-after-quote' }
      if (atEnd) at = text.length
      else if (text[at] === '\r') at++
    } else {
      const from = at
      while (at < text.length && text[at] !== ',' && text[at] !== '\n') at++
      const isRowEnd = text[at] !== ','
      fields.push(text.slice(from, isRowEnd && text[at - 1] === '\r' && at > from ? at - 1 : at))
    }
    if (text[at] === ',') {
      at++
      continue
    }
    const end = Math.min(at + 1, text.length)
    return fields.length === 2 ? { fields, end } : { fields, end, fault: 'field-count' }
  }
}
