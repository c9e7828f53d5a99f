import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestStores, testStores } from '../../test/stores.ts'
import { Importer } from './importer.ts'
import { type Import, importById } from './imports.ts'
import { tableSink, testImporter } from './table-sink.fixture.ts'

let stores: TestStores
let directory: string

beforeAll(async () => {
  stores = await testStores()
  directory = await mkdtemp(join(tmpdir(), 'zhike-import-faults-'))
  await tableSink.prepare(stores.postgres)
})

afterAll(() => rm(directory, { recursive: true, force: true }))

const rows = Array.from({ length: 40 }, (_, index) => `o-${index},1990000${String(index).padStart(4, '0')},2024-03-01 10:00:00\n`)

/** Imports forty rows in batches of ten, through a sink that fails at these calls. */
async function bring(source: string, failsAt: (call: number) => boolean): Promise<Import> {
  const sink = tableSink(stores.postgres)
  let calls = 0
  const importer = new Importer({
    ...testImporter(stores.postgres, directory),
    batchRows: 10,
    chunkBytes: 400,
    sink: {
      draft: range => sink.draft(range),
      finish: () => sink.finish(),
      submit: batch => (failsAt(++calls) ? Promise.reject(new Error('the store is away')) : sink.submit(batch)),
    },
  })
  const path = await importer.uploadPath()
  await writeFile(path, `order,phone,time\n${rows.join('')}`)
  const mapping = {
    ...{ source, kind: 'events', event: 'Order Completed', identifiers: { phone: 'phone' }, messageId: ['order'] },
    time: { column: 'time', zone: 'Asia/Shanghai' },
  }
  const added = await importer.add({ path, fileName: 'orders.csv', mapping })
  await importer.run(added.import.id)
  return importById(stores.postgres, added.import.id)
}

test('a store that is away for a moment does not end an import', async () => {
  expect(await bring('moment', call => call === 2 || call === 4)).toMatchObject({ state: 'done', rowsRead: 40, imported: 40, repeated: 0 })
  const events = await tableSink.events(stores.postgres, 'moment')
  expect(events.map(({ messageId }) => messageId)).toEqual(rows.map((_, index) => `o-${index}`))
})

test('a fault that comes again at the same place fails it, and what it brought stays', async () => {
  const failed = await bring('always', call => call > 2)
  expect(failed).toMatchObject({ state: 'failed', failure: expect.stringContaining('can be resumed') })
  expect(await tableSink.events(stores.postgres, 'always')).toHaveLength(failed.imported)
})
