import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestStores, testStores } from '../../test/stores.ts'
import { Importer } from './importer.ts'
import { importById } from './imports.ts'
import { tableSink, testImporter } from './table-sink.fixture.ts'

let stores: TestStores
let directory: string

beforeAll(async () => {
  stores = await testStores()
  directory = await mkdtemp(join(tmpdir(), 'zhike-import-'))
  await tableSink.prepare(stores.postgres)
})

afterAll(() => rm(directory, { recursive: true, force: true }))

/** Every third row is a copy of an earlier one, every seventh is broken. */
const rows = 3_000
const lines = Array.from({ length: rows }, (_, row) =>
  row % 7 === 0
    ? `broken ${row}`
    : `1990000${String(row - (row % 3 === 0 ? 2 : 0)).padStart(4, '0')},2024-03-01 10:00,"line\n${row % 3 === 0 ? row - 2 : row}"`,
)
const text = `phone,time,note\n${lines.join('\n')}\n`

test.each([false, true])(
  'killed again and again, an import loses nothing and doubles nothing (gzip: %s)',
  async compressed => {
    const source = compressed ? 'killed-gzip' : 'killed'
    const importer = new Importer(testImporter(stores.postgres, directory))
    const path = await importer.uploadPath()
    await writeFile(path, compressed ? gzipSync(text) : text)
    const mapping = {
      source,
      kind: 'events',
      event: 'Visited',
      identifiers: { phone: 'phone' },
      time: { column: 'time' },
      props: { note: 'note' },
    }
    const { import: added } = await importer.add({ path, fileName: 'visits.csv', mapping })

    const [moments = []] = fc.sample(
      fc.array(fc.record({ lines: fc.integer({ min: 0, max: 6 }), ms: fc.integer({ min: 0, max: 4 }) }), { minLength: 4, maxLength: 4 }),
      1,
    )
    let kills = 0
    for (const { lines, ms } of [{ lines: 0, ms: 0 }, ...moments]) if (await killedAfter(lines, ms)) kills++
    expect(kills).toBeGreaterThan(0)
    await once(importing(), 'exit')

    const done = await importById(stores.postgres, added.id)
    const broken = lines.filter(line => line.startsWith('broken')).length
    expect(done).toMatchObject({ state: 'done', rowsRead: rows, imported: rows - broken, rejected: broken, repeated: 0 })
    const events = await tableSink.events(stores.postgres, source)
    expect(events.map(({ props, identifiers }) => `${identifiers[0]?.value} ${props.note}`)).toEqual(
      lines.filter(line => !line.startsWith('broken')).map(line => line.replace(',2024-03-01 10:00,', ' ').replaceAll('"', '')),
    )
    const rejected: Buffer[] = []
    for await (const chunk of await importer.rejects(added.id)) rejected.push(chunk)
    expect(
      Buffer.concat(rejected)
        .toString()
        .match(/broken \d+/g),
    ).toEqual(lines.filter(line => line.startsWith('broken')))
    expect(await readdir(join(directory, `${added.id}`))).toEqual(['rejected.sealed'])

    const grown = await importer.uploadPath()
    await writeFile(grown, `${text}19900009999,2024-03-01 10:00,new\n`)
    const next = await importer.add({ path: grown, fileName: 'visits.csv', mapping })
    expect(await importer.run(next.import.id)).toMatchObject({ imported: 1, repeated: rows - broken })
  },
  60_000,
)

/** Runs the import and kills it some milliseconds after so many checkpoints. False when it ended before. */
async function killedAfter(checkpoints: number, ms: number): Promise<boolean> {
  const child = importing()
  const exited = once(child, 'exit')
  let seen = 0
  child.stdout?.on('data', (chunk: Buffer) => {
    const before = seen
    seen += chunk.toString().split('\n').length - 1
    if (before <= checkpoints && seen > checkpoints) setTimeout(() => child.kill('SIGKILL'), ms)
  })
  const [, signal] = await exited
  return signal === 'SIGKILL'
}

function importing(): ChildProcess {
  const script = join(import.meta.dirname, 'kill.fixture.ts')
  return spawn(process.execPath, [script, stores.postgresUrl, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
}
