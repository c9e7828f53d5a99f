import { hash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { CanonicalEvent } from '../collect/event.ts'
import type { Position } from '../log/position.ts'
import { Refusal } from '../refusal.ts'
import { type Content, contentOf } from './content-hash.ts'
import { scopeOf } from './fingerprint.ts'
import {
  type Checkpoint,
  changeState,
  createImport,
  decidedBatch,
  endedImport,
  filesOfImports,
  finishImport,
  forgetBatches,
  type Import,
  importById,
  importsOfContent,
  previousOfScope,
  takeUp,
  unfinishedImports,
} from './imports.ts'
import { inspectFile, type Sample } from './inspect.ts'
import type { Ledger, OpenSeenRows } from './ledger.ts'
import { isSnapshot, Ledgers, workOf } from './ledgers.ts'
import { type Mapping, readMapping } from './mapping/mapping.ts'
import { type Preview, previewOf } from './preview.ts'
import { readingOf } from './reading.ts'
import { rejectsIn } from './rejects.ts'
import { type RunDependencies, replayedBatch, runImport } from './run.ts'
import { ImportStopped } from './sink.ts'

export interface ImporterDependencies extends RunDependencies {
  openSeenRows: OpenSeenRows
  /** Where uploads, the work of imports and their ledgers are kept. */
  directory: string
  log: Logger
  /** The workspace's clock. */
  now: () => number
}

export interface FileToImport {
  /** Where our copy of it stands: the importer removes it in the end. */
  path: string
  /** As the user knows it. */
  fileName: string
  mapping: unknown
  /** Where it is known already. */
  content?: Content
  name?: string | undefined
  /** Instead of the mapping's. */
  source?: string | undefined
  /** Import a file again although another mapping has imported it. */
  again?: boolean | undefined
}

export type Added =
  /** A new import, or one of this file that was interrupted and goes on. */
  | { kind: 'new' | 'resumed'; import: Import }
  /** The same file with the same mapping was imported: there is nothing to do. */
  | { kind: 'repeated'; import: Import }

interface Turn {
  controller: AbortController
  ended: Promise<unknown>
  pace?: Pace
}

/** How fast an import goes. */
export interface Pace {
  /** Rows, and bytes of the file, read since it was taken up. */
  rows: number
  bytes: number
  seconds: number
}

/** Imports files one after the other. */
export class Importer {
  readonly #deps: ImporterDependencies
  readonly #ledgers: Ledgers
  /** Imports under way, those that wait for their turn included. */
  readonly #turns = new Map<number, Turn>()
  #last: Promise<unknown> = Promise.resolve()
  #isClosing = false

  constructor(deps: ImporterDependencies) {
    this.#deps = deps
    this.#ledgers = new Ledgers(deps)
  }

  /** @throws Refusal when the file or the mapping cannot be used */
  async add(file: FileToImport): Promise<Added> {
    const { postgres, now, zone } = this.#deps
    const mapping = readMapping(file.mapping)
    const source = sourceOf(mapping, file.source)
    const shape = await inspectFile(file.path, mapping.format, file.fileName)
    const content = file.content ?? (await contentOf(file.path))
    const mappingHash = mappingHashOf(mapping, source, zone)
    const entry = { ...content, mapping: JSON.stringify(mapping), mappingHash, shape, scope: scopeOf(mapping, source), source }
    readingOf({ id: 0, receivedAt: 0, ...entry }, zone)

    const same = await this.#same(content.contentHash, mapping, source)
    if (same) await rm(file.path, { force: true })
    if (same) return { kind: same.state === 'done' ? 'repeated' : 'resumed', import: same }
    if (!file.again) await this.#refuseDoubling(mapping, entry)
    const named = { name: file.name ?? file.fileName, fileName: file.fileName, filePath: file.path }
    return { kind: 'new', import: await createImport(postgres, { ...entry, ...named, receivedAt: now() }, now()) }
  }

  /** The import that `add` would find for a file of this content: to ask before it is sent. */
  async find(contentHash: string, document: unknown, source: string | undefined): Promise<Import | undefined> {
    const mapping = readMapping(document)
    return this.#same(contentHash, mapping, sourceOf(mapping, source))
  }

  /**
   * Imports the file, or what is left of it, after those that were asked for before. Resolves with how it ended: `done`, `failed`,
   * or `paused` or `cancelled` by somebody.
   */
  run(id: number, onProgress: (at: Checkpoint) => void = () => {}): Promise<Import> {
    const controller = new AbortController()
    const run = this.#last.then(() => this.#run(id, onProgress, controller.signal)).finally(() => this.#turns.delete(id))
    const ended = run.catch(error => this.#deps.log.error({ err: error, import: id }, 'an import could not be run'))
    this.#turns.set(id, { controller, ended })
    this.#last = ended
    return run
  }

  /** Sees to it that the import is under way, also one that was paused or has failed. @throws Refusal when it has ended */
  async goOn(id: number): Promise<Import> {
    const { now, postgres } = this.#deps
    await changeState(postgres, id, ['paused', 'failed'], 'waiting', { now: now() })
    const found = await importById(postgres, id)
    if (found.state === 'done' || found.state === 'cancelled')
      throw new Refusal(409, 'import-ended', `The import is ${found.state}: it cannot go on.`)
    if (!this.#turns.has(id)) this.run(id).catch(() => {})
    return found
  }

  /** Undefined for an import that is not running here, or has only begun. */
  paceOf(id: number): Pace | undefined {
    return this.#turns.get(id)?.pace
  }

  /** Shows what would come of a file. */
  preview(sample: Sample, mapping: unknown, name: string, rows: number): Preview {
    return previewOf(sample, mapping, { name, rows, zone: this.#deps.zone, now: this.#deps.now() })
  }

  async pause(id: number): Promise<Import> {
    return this.#halt(id, ['waiting', 'running'], 'paused')
  }

  /** What was imported stays, and is not imported again by a later file. */
  async cancel(id: number): Promise<Import> {
    const cancelled = await this.#halt(id, ['waiting', 'running', 'paused', 'failed'], 'cancelled')
    this.#inTurn(() => this.#conclude(cancelled))
    return cancelled
  }

  /** The events of a decided batch, for storing it after a crash; what was decided for each position says which of them count. */
  async replay(range: Position): Promise<(CanonicalEvent | undefined)[]> {
    const { postgres, zone } = this.#deps
    const batch = await decidedBatch(postgres, range)
    if (!batch) throw new Error(`no import has decided the batch at ${range}`)
    return replayedBatch(await importById(postgres, batch.import), batch, zone)
  }

  /** At start, once decided batches are stored: what was interrupted goes on, what had ended is cleared away. */
  async recover(): Promise<void> {
    const { directory, postgres } = this.#deps
    for (const name of await readdir(directory).catch((): string[] => [])) {
      const ended = /^\d+$/.test(name) ? await endedImport(postgres, Number(name)) : undefined
      if (ended) this.#inTurn(() => this.#conclude(ended))
    }
    // Only now: they must know what cancelled ones have brought.
    for (const left of await unfinishedImports(postgres)) this.run(left.id).catch(() => {})
    const wanted = new Set(await filesOfImports(postgres))
    for (const path of await this.#uploads()) if (!wanted.has(path)) await rm(path, { force: true })
  }

  /** The rejected rows as CSV. @throws Refusal when they are no longer kept */
  async rejects(id: number): Promise<AsyncIterable<Buffer>> {
    const found = await importById(this.#deps.postgres, id)
    const kept = await stat(this.#rejectsPath(found)).catch(() => undefined)
    if (!kept && found.rejectsBytes > 0)
      throw new Refusal(410, 'rejects-gone', 'Rejected rows are kept for 30 days: import the file again to see them.')
    return rejectsIn(this.#deps.keys, this.#rejectsPath(found), found.rejectsBytes)
  }

  /** Stops what runs at its last checkpoint; it goes on at the next start. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const { controller } of this.#turns.values()) controller.abort(new ImportStopped('the program is stopping'))
    // A batch that waits for a store that is away must not keep the program from stopping: it is not decided, or replayed at the next start.
    await Promise.race([this.#last, sleep(closeWithinMs, undefined, { ref: false })])
  }

  /** Resolves when every import that was asked for has ended. */
  async idle(): Promise<void> {
    await this.#last
  }

  /** Where an upload can be put, until it is added. */
  async uploadPath(): Promise<string> {
    const uploads = join(this.#deps.directory, 'uploads')
    await mkdir(uploads, { recursive: true, mode: 0o700 })
    return join(uploads, randomUUID())
  }

  /** Removes an upload that was not added. */
  async discard(path: string): Promise<void> {
    await rm(path, { force: true })
  }

  /** A store that is away for a while does not end an import: it goes on from its checkpoint, and fails where it comes no further. */
  async #run(id: number, onProgress: (at: Checkpoint) => void, signal: AbortSignal): Promise<Import> {
    const { postgres, now, log } = this.#deps
    let furthest = -1
    for (let failures = 0; ; ) {
      let started: Import | undefined
      try {
        started = this.#isClosing ? undefined : await takeUp(postgres, id, now())
        if (!started) return await importById(postgres, id)
        return await this.#import(started, onProgress, signal)
      } catch (error) {
        if (error instanceof ImportStopped) return await importById(postgres, id)
        log.error({ err: error, import: id }, 'an import met a fault')
        failures = started && started.rowsRead > furthest ? 1 : failures + 1
        furthest = Math.max(furthest, started?.rowsRead ?? -1)
        if (!(await this.#storeAnswers(signal))) return await importById(postgres, id)
        if (started && (error instanceof Refusal || failures === mostFailures)) return await this.#fail(started, error)
      }
    }
  }

  /** Waits until it does; false when the import is to stop first. */
  async #storeAnswers(signal: AbortSignal): Promise<boolean> {
    for (; !signal.aborted; await sleep(200)) {
      const answers = await this.#deps.postgres.query('select 1').then(
        () => true,
        () => false,
      )
      if (answers) return true
    }
    return false
  }

  /** @throws what it met; ImportStopped when it is to go no further */
  async #import(started: Import, onProgress: (at: Checkpoint) => void, signal: AbortSignal): Promise<Import> {
    const { postgres, sink, now, log } = this.#deps
    const { id } = started
    let ledger: Ledger | undefined
    try {
      const { known, target } = await this.#ledgers.of(started)
      ledger = await this.#ledgers.open(started, known)
      const paced = this.#paced(started, onProgress)
      await runImport(this.#deps, { started, ledger, rejectsPath: this.#rejectsPath(started), onProgress: paced, signal })
      await Promise.race([sink.finish(), whenAborted(signal)])
      signal.throwIfAborted()
      await ledger.handOver(target)
      await ledger.close()
      const done = await finishImport(postgres, started, now())
      await this.#clear(done)
      log.info({ import: id, imported: done.imported, rejected: done.rejected, repeated: done.repeated }, 'an import is done')
      return done
    } finally {
      await ledger?.close()
    }
  }

  #paced(started: Import, onProgress: (at: Checkpoint) => void): (at: Checkpoint) => void {
    const turn = this.#turns.get(started.id)
    const since = performance.now()
    return at => {
      const seconds = (performance.now() - since) / 1000
      if (turn) turn.pace = { rows: at.rowsRead - started.rowsRead, bytes: at.bytesRead - started.bytesRead, seconds }
      onProgress(at)
    }
  }

  async #fail({ id, fence }: Import, error: unknown): Promise<Import> {
    const { now, postgres } = this.#deps
    const failure =
      error instanceof Refusal ? error.message : 'The import failed for a reason of ours: the log says more. It can be resumed.'
    const current = await importById(postgres, id)
    if (current.fence === fence) await changeState(postgres, id, ['running'], 'failed', { failure, now: now() })
    return importById(postgres, id)
  }

  /** Everything decided is stored, later imports know of it, and the file and the work go; the rejects, too, in the end. */
  async #conclude(ended: Import): Promise<void> {
    await this.#deps.sink.finish()
    // While the program stops, batches may still be on their way: the next start stores them and concludes.
    if (this.#isClosing) return
    const work = await readdir(this.#directoryOf(ended)).catch((): string[] => [])
    if (ended.state === 'cancelled' && work.includes('journal')) await this.#ledgers.handOver(ended)
    await this.#clear(ended)
    if (this.#deps.now() - (ended.finishedAt ?? 0) > rejectsKeptMs) await rm(this.#directoryOf(ended), { recursive: true, force: true })
  }

  /** What only an import under way needs. */
  async #clear(ended: Import): Promise<void> {
    const directory = this.#directoryOf(ended)
    for (const name of await readdir(directory).catch((): string[] => [])) {
      if (name !== rejectsName) await rm(join(directory, name), { recursive: true, force: true })
    }
    await rm(ended.filePath, { force: true })
    await forgetBatches(this.#deps.postgres, ended.id)
    if (ended.state === 'done') await this.#ledgers.forgetBefore(ended)
  }

  async #halt(id: number, from: readonly Import['state'][], to: 'paused' | 'cancelled'): Promise<Import> {
    const { now, postgres } = this.#deps
    const halted = await changeState(postgres, id, from, to, { now: now() })
    if (!halted) {
      const { state } = await importById(postgres, id)
      throw new Refusal(409, 'import-not-under-way', `The import is ${state}: it cannot become ${to}.`)
    }
    const turn = this.#turns.get(id)
    turn?.controller.abort(new ImportStopped(`the import was ${to}`))
    await turn?.ended
    return importById(postgres, id)
  }

  /** The import of the same content under the same mapping. A snapshot only counts while nothing newer has been said. */
  async #same(contentHash: string, mapping: Mapping, source: string): Promise<Import | undefined> {
    const { postgres, zone } = this.#deps
    const mappingHash = mappingHashOf(mapping, source, zone)
    const same = (await importsOfContent(postgres, contentHash)).find(one => one.mappingHash === mappingHash && one.state !== 'cancelled')
    if (!same || !isSnapshot(same) || same.state !== 'done') return same
    const other = await previousOfScope(postgres, same)
    return other && startedAfter(other, same) ? undefined : same
  }

  /** The same file under another mapping would store its facts twice, unless the mapping says what tells rows apart. */
  async #refuseDoubling(
    mapping: Mapping,
    { contentHash, mappingHash, scope }: Pick<Import, 'contentHash' | 'mappingHash' | 'scope'>,
  ): Promise<void> {
    if (mapping.kind !== 'events' || mapping.messageId) return
    const earlier = await importsOfContent(this.#deps.postgres, contentHash)
    const doubled = earlier.find(one => one.scope === scope && one.mappingHash !== mappingHash && one.imported > 0)
    if (!doubled) return
    const sentence = `This file was imported before under another mapping (import ${doubled.id}): its rows would be there twice.`
    throw new Refusal(409, 'imported-under-another-mapping', `${sentence} Ask for it with "again" if that is meant.`)
  }

  async #uploads(): Promise<string[]> {
    const uploads = join(this.#deps.directory, 'uploads')
    return (await readdir(uploads).catch((): string[] => [])).map(name => join(uploads, name))
  }

  #inTurn(work: () => Promise<void>): void {
    this.#last = this.#last.then(work).catch(error => this.#deps.log.error({ err: error }, 'an import could not be cleared away'))
  }

  #directoryOf({ id }: Pick<Import, 'id'>): string {
    return workOf(this.#deps.directory, id)
  }

  #rejectsPath(record: Import): string {
    return join(this.#directoryOf(record), rejectsName)
  }
}

const rejectsName = 'rejected.sealed'
const closeWithinMs = 8_000
/** In a row, at the same place. */
const mostFailures = 3
const rejectsKeptMs = 30 * 24 * 3600 * 1000

async function whenAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

function startedAfter(a: Import, b: Import): boolean {
  const since = (a.startedAt ?? a.createdAt) - (b.startedAt ?? b.createdAt)
  return since > 0 || (since === 0 && a.id > b.id)
}

function sourceOf(mapping: Mapping, given: string | undefined): string {
  const source = given ?? mapping.source
  if (source) return source
  throw new Refusal(422, 'source-missing', 'Name the source of the facts: "source" in the mapping, or beside it.')
}

function mappingHashOf(mapping: Mapping, source: string, zone: string): string {
  return hash('sha256', JSON.stringify([mapping, source, zone]), 'hex')
}
