import { connectPostgres } from '../store/postgres.ts'
import { Importer } from './importer.ts'
import { unfinishedImports } from './imports.ts'
import { testImporter } from './table-sink.fixture.ts'

/** A process that imports what is unfinished, to be killed: `node kill.fixture.ts POSTGRES_URL DIRECTORY`. Says each checkpoint. */
const [url = '', directory = ''] = process.argv.slice(2)
const postgres = connectPostgres(url)
const importer = new Importer({ ...testImporter(postgres, directory), batchRows: 50, chunkBytes: 2_000 })
for (const { id } of await unfinishedImports(postgres)) {
  const { state } = await importer.run(id, at => void process.stdout.write(`${at.rowsRead}\n`))
  process.stdout.write(`${state}\n`)
}
await importer.recover()
await importer.idle()
await importer.close()
await postgres.close()
