import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../refusal.ts'
import { contentOf } from './content-hash.ts'
import { sampleOf } from './inspect.ts'
import type { Preview, PreviewedRow } from './preview.ts'
import { type Progress, progressOn } from './progress.ts'

/** The API of a server, as far as the command needs it. */
export interface ImportApi {
  call<T>(method: string, path: string, body?: unknown): Promise<T>
  send(method: string, path: string, init?: RequestInit & { duplex?: 'half' }): Promise<Response>
}

export interface ImportCommandOptions {
  /** Path of the mapping document; without it one is proposed, and nothing is imported. */
  map: string | undefined
  /** Shows the first rows as they would become, changes nothing. */
  dryRun: boolean
  /** Where rejected rows go, instead of FILE.rejected.csv. */
  rejects: string | undefined
  json: boolean
  /** Instead of the mapping's source. */
  source?: string | undefined
  /** Also a file that another mapping has imported. */
  again?: boolean | undefined
}

export interface ImportOutput {
  out(text: string): void
  notes(text: string): void
}

/** As `GET /api/imports/{id}` answers. */
export interface ImportAnswer {
  id: number
  state: 'waiting' | 'running' | 'paused' | 'cancelled' | 'done' | 'failed'
  failure: string | null
  fileBytes: number
  bytesRead: number
  rows: { read: number; imported: number; rejected: number; repeated: number; leftOut: number }
  rowsPerSecond: number | null
  secondsLeft: number | null
}

/** What a script learns from the exit code, as for the other commands. */
const exit = { ok: 0, fault: 1, usage: 2, refused: 4, partly: 5 } as const

/**
 * `zhike import FILE…`: sends the files to the server and tells how they fare. Run again, it goes on where it was interrupted.
 * @returns the exit code: 5 when rows were rejected, 4 when an import failed, 2 when there is no mapping yet
 */
export async function importFiles(
  api: ImportApi,
  files: readonly string[],
  options: ImportCommandOptions,
  output: ImportOutput,
): Promise<number> {
  if (options.rejects !== undefined && files.length > 1)
    throw new Refusal(422, 'usage', 'One file of rejects cannot serve several files: leave --rejects out, or import them one by one.')
  const mapping = options.map === undefined ? undefined : await mappingIn(options.map)
  const codes: number[] = []
  for (const file of files) {
    if (mapping === undefined || options.dryRun) codes.push(await show(api, file, mapping, options, output))
    else codes.push(await bring(api, file, mapping, options, output))
  }
  return [exit.fault, exit.refused, exit.usage, exit.partly].find(code => codes.includes(code)) ?? exit.ok
}

async function mappingIn(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new Refusal(422, 'usage', `There is no mapping ${path}.`)
  })
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(422, 'mapping-refused', `${path} is not JSON.`)
  }
}

async function show(api: ImportApi, file: string, mapping: unknown, options: ImportCommandOptions, output: ImportOutput): Promise<number> {
  const sample = await sampleOf(file).catch(() => {
    throw new Refusal(422, 'usage', `There is no file ${file}, or it cannot be read.`)
  })
  const body = {
    name: basename(file),
    sample: sample.bytes.toString('base64'),
    whole: sample.isWhole,
    ...(mapping === undefined ? {} : { mapping }),
  }
  const preview = await api.call<Preview>('POST', '/api/imports/preview', body)
  if (options.json) output.out(JSON.stringify({ file, ...preview }))
  else if (mapping === undefined) output.out(JSON.stringify(preview.mapping, null, 2))
  if (!options.json && options.dryRun) for (const row of preview.rows) output.notes(lineFor(row))
  for (const note of preview.notes) output.notes(`note: ${note}`)
  if (options.dryRun) return preview.rows.some(row => 'rejected' in row) ? exit.partly : exit.ok
  output.notes('Nothing was imported: this mapping is a proposal. Save it, look it over, and import with --map.')
  return exit.usage
}

function lineFor(row: PreviewedRow): string {
  if ('leftOut' in row) return `line ${row.line}: left out`
  if ('rejected' in row) return `line ${row.line}: REJECTED ${row.rejected.column ? `${row.rejected.column}: ` : ''}${row.rejected.reason}`
  const { event, ts, identifiers, traits, props, consents } = row.event
  const who = identifiers.map(({ namespace, value }) => `${namespace} ${value}`).join(', ')
  const what = [
    ...Object.entries(props).map(([key, value]) => `${key}=${JSON.stringify(value)}`),
    ...traits.map(change => `${change.key}:=${change.op === 'set' ? JSON.stringify(change.value) : 'nothing'}`),
    ...consents.map(({ purpose, given }) => `${given ? 'consents to' : 'refuses'} ${purpose}`),
  ]
  return `line ${row.line}: ${event} at ${ts} of ${who}${what.length > 0 ? `; ${what.join(', ')}` : ''}`
}

async function bring(api: ImportApi, file: string, mapping: unknown, options: ImportCommandOptions, output: ImportOutput): Promise<number> {
  const progress = progressOn(process.stderr, basename(file), output)
  const { contentHash, fileBytes } = await contentOf(file)
  const source = options.source === undefined ? {} : { source: options.source }
  const known = await api.call<{ import: ImportAnswer | null }>('POST', '/api/imports/find', { contentHash, mapping, ...source })
  if (known.import?.state === 'done') {
    tell(output, options, file, known.import, `${file}: was imported before (import ${known.import.id}); nothing to do.`)
    return exit.ok
  }
  const begun = known.import
    ? await api.call<ImportAnswer>('POST', `/api/imports/${known.import.id}/resume`)
    : await upload(api, file, fileBytes, mapping, options, progress)
  const ended = await followed(api, begun, progress)
  progress.end()
  const rejectsPath = options.rejects ?? `${file}.rejected.csv`
  if (ended.rows.rejected > 0) await saveRejects(api, ended.id, rejectsPath)
  tell(output, options, file, ended, summary(file, ended, rejectsPath))
  if (ended.state !== 'done') return exit.refused
  return ended.rows.rejected > 0 ? exit.partly : exit.ok
}

/** The file as it is read, between the fields of a form. */
async function upload(
  api: ImportApi,
  file: string,
  size: number,
  mapping: unknown,
  options: ImportCommandOptions,
  progress: Progress,
): Promise<ImportAnswer> {
  const boundary = `zhike-${randomUUID()}`
  const field = (name: string, value: string) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  const fileName = basename(file).replace(/["\r\n]/g, '_')
  const head =
    field('mapping', JSON.stringify(mapping)) +
    (options.source === undefined ? '' : field('source', options.source)) +
    (options.again ? field('again', 'true') : '') +
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${fileName}"\r\nContent-Type: application/octet-stream\r\n\r\n`
  async function* body() {
    let sent = 0
    yield Buffer.from(head)
    for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) {
      yield chunk as Buffer
      sent += (chunk as Buffer).length
      progress.at({ doing: 'sending', share: sent / Math.max(size, 1) })
    }
    yield Buffer.from(`\r\n--${boundary}--\r\n`)
  }
  const response = await api.send('POST', '/api/imports', {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Readable.toWeb(Readable.from(body())) as unknown as NonNullable<RequestInit['body']>,
    duplex: 'half',
  })
  return (await response.json()) as ImportAnswer
}

const underWay: ReadonlySet<ImportAnswer['state']> = new Set(['waiting', 'running'])

async function followed(api: ImportApi, begun: ImportAnswer, progress: Progress): Promise<ImportAnswer> {
  let current = begun
  for (let pauseMs = 20; underWay.has(current.state); pauseMs = Math.min(pauseMs * 1.5, 500)) {
    await sleep(pauseMs)
    current = await api.call<ImportAnswer>('GET', `/api/imports/${begun.id}`)
    progress.at({
      doing: 'importing',
      share: current.bytesRead / Math.max(current.fileBytes, 1),
      rows: current.rows.read,
      rowsPerSecond: current.rowsPerSecond,
      secondsLeft: current.secondsLeft,
    })
  }
  return current
}

async function saveRejects(api: ImportApi, id: number, path: string): Promise<void> {
  const response = await api.send('GET', `/api/imports/${id}/rejected`)
  if (!response.body) return
  // The mode counts only for a file that is created.
  await rm(path, { force: true })
  await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(path, { mode: 0o600 }))
}

/** Share of rejected rows from which a file is likely mapped wrongly. */
const suspicious = 0.05

function summary(file: string, { id, state, failure, rows }: ImportAnswer, rejectsPath: string): string {
  const counts = [
    `${rows.imported} imported`,
    rows.repeated > 0 && `${rows.repeated} known before`,
    rows.leftOut > 0 && `${rows.leftOut} left out`,
    rows.rejected > 0 && `${rows.rejected} rejected, see ${rejectsPath}`,
  ].filter(part => part !== false)
  const loud =
    rows.rejected > suspicious * rows.read
      ? `\n${file}: WARNING: ${percent(rows.rejected / rows.read)} of the rows were rejected; is the mapping right?`
      : ''
  const how = state === 'done' ? '' : ` ${state.toUpperCase()}${failure ? `: ${failure}` : ''}`
  return `${file}: import ${id}${how}; ${rows.read} rows: ${counts.join(', ')}${loud}`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)}%`
}

function tell(output: ImportOutput, { json }: ImportCommandOptions, file: string, answer: ImportAnswer, text: string): void {
  if (json) output.out(JSON.stringify({ file, ...answer }))
  else output.out(text)
}
