import { entityRowsOf, type FileRow } from '../../catalogue/file-rows.ts'
import type { EntityKind } from '../../catalogue/kinds.ts'
import { Refusal } from '../../refusal.ts'
import type { ApiClient } from '../api-client.ts'
import { type CliCommand, configOf } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { withServer } from '../with-server.ts'

interface Fault {
  line: number
  path: string
  message: string
}

interface Outcome {
  taken: number
  changed: number
  faults: Fault[]
}

const rowsAtOnce = 1_000
const faultsShown = 20

/** `zhike import-entities KIND FILE`: a table of products, contents, stores … becomes part of the catalogue. */
export const importEntities: CliCommand = (program, context) => {
  program
    .command('import-entities')
    .description('bring a CSV or NDJSON file into the catalogue; its columns are id, zh, en, status, until, tags and attributes')
    .argument('<kind>', 'product, content, service, store, advisor …')
    .argument('<file>', 'file to read, gzip too')
    .option('--json', 'the outcome as JSON', false)
    .action(async (kind: string, file: string, options: { json: boolean }, command) => {
      const outcome = await withServer(configOf(command, context), context.start, api => bring(api, kind, file))
      if (options.json) context.out(JSON.stringify({ file, kind, ...outcome }))
      else for (const line of told(file, outcome)) context.out(line)
      context.ends(outcome.faults.length > 0 ? exitCodes.partly : exitCodes.ok)
    })
}

async function bring(api: ApiClient, key: string, file: string): Promise<Outcome> {
  const { kind, ...document } = await api.call<Omit<EntityKind, 'key'> & { kind: string }>(
    'GET',
    `/api/entity-kinds/${encodeURIComponent(key)}`,
  )
  const outcome: Outcome = { taken: 0, changed: 0, faults: [] }
  let batch: { line: number; row: object }[] = []
  try {
    for await (const row of entityRowsOf(file, { ...document, key: kind })) {
      if (isFault(row)) outcome.faults.push(row)
      else batch.push(row)
      if (batch.length < rowsAtOnce) continue
      await send(api, kind, batch, outcome)
      batch = []
    }
  } catch (error) {
    throw isAbsent(error) ? new Refusal(422, 'usage', `There is no file ${file}, or it cannot be read.`) : error
  }
  if (batch.length > 0) await send(api, kind, batch, outcome)
  return { ...outcome, faults: outcome.faults.sort((a, b) => a.line - b.line) }
}

function isFault(row: FileRow): row is Fault {
  return 'message' in row
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOENT', 'EACCES', 'EISDIR'].includes(String(error.code))
}

async function send(api: ApiClient, kind: string, batch: readonly { line: number; row: object }[], outcome: Outcome): Promise<void> {
  const response = await api.send('POST', `/api/entities/${kind}`, {
    headers: { 'content-type': 'application/x-ndjson' },
    body: batch.map(({ row }) => JSON.stringify(row)).join('\n'),
  })
  const answer = (await response.json()) as { taken: number; changed: number; faults: { row: number; path: string; message: string }[] }
  outcome.taken += answer.taken
  outcome.changed += answer.changed
  outcome.faults.push(...answer.faults.map(({ row, path, message }) => ({ line: batch[row - 1]?.line ?? 0, path, message })))
}

function told(file: string, { taken, changed, faults }: Outcome): string[] {
  const more = faults.length > faultsShown ? [`… and ${faults.length - faultsShown} more`] : []
  return [
    `${file}: ${taken} entities, ${changed} of them new or changed${faults.length > 0 ? `; ${faults.length} rows refused` : ''}`,
    ...faults.slice(0, faultsShown).map(({ line, path, message }) => `  line ${line}: ${path && `${path}: `}${message}`),
    ...more,
  ]
}
