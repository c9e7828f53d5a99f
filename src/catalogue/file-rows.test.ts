import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { entityRowsOf, type FileRow } from './file-rows.ts'
import type { EntityKind } from './kinds.ts'

const directory = mkdtempSync(join(tmpdir(), 'zhike-entities-'))
afterAll(() => rmSync(directory, { recursive: true }))

async function rowsIn(content: string | Buffer, kind: Partial<EntityKind> = {}): Promise<FileRow[]> {
  const path = join(directory, 'file')
  writeFileSync(path, content)
  const rows: FileRow[] = []
  for await (const row of entityRowsOf(path, { key: 'product', namedBy: [], ...kind })) rows.push(row)
  return rows
}

test('a column is of one type: numbers where all are, text where one would not come back as it was', async () => {
  const csv = 'id,zh,price,code,new,skin,tags\n1,补水,680,007,true,"[""dry""]","{""dry"":1}"\n2,"光,子",12.5,8,false,[],\n'
  expect(await rowsIn(csv)).toEqual([
    { line: 2, row: { id: '1', zh: '补水', price: 680, code: '007', new: true, skin: ['dry'], tags: { dry: 1 } } },
    { line: 3, row: { id: '2', zh: '光,子', price: 12.5, code: '8', new: false, skin: [] } },
  ])
})

test('as the kind declares it, where it does; a cell that is not so is a fault of its row', async () => {
  const attributes = {
    code: { type: 'string' },
    price: { type: 'number' },
    skin: { type: 'list' },
    open: { type: 'boolean' },
  } satisfies EntityKind['attributes']
  expect(await rowsIn('id;code;price;skin;open\nA;1;"1,200";dry|oily;是\nB;2;免费;;\nC;3\n', { attributes })).toEqual([
    { line: 2, row: { id: 'A', code: '1', price: 1200, skin: ['dry', 'oily'], open: true } },
    { line: 3, path: 'price', message: 'this is no number, as the others of this column' },
    { line: 4, path: expect.any(String), message: expect.any(String) },
  ])
})

test('NDJSON as it stands, gzip too, many blocks long', async () => {
  const lines = Array.from({ length: 5000 }, (_, n) => JSON.stringify({ id: `P${n}`, attributes: { n }, note: '长'.repeat(20) }))
  const rows = await rowsIn(gzipSync(['{"id":1', ...lines].join('\n')))
  expect([rows[0], rows.length, rows.at(-1)]).toMatchObject([{ line: 1, message: expect.any(String) }, 5001, { row: { id: 'P4999' } }])
})
