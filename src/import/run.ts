import type { CanonicalEvent } from '../collect/event.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import { type PreparedBatch, preparedBatches } from './batches.ts'
import { fingerprint } from './fingerprint.ts'
import { addBatch, type Checkpoint, type DecidedBatch, type Import, saveCheckpoint } from './imports.ts'
import type { Ledger } from './ledger.ts'
import { isFault, leftOut } from './mapping/row-mapper.ts'
import { BlockMemory, blocksOf } from './readers/blocks.ts'
import { chunksOf } from './readers/chunks.ts'
import { readingOf } from './reading.ts'
import { RejectsFile } from './rejects.ts'
import { type BatchSink, type RefusedRow, reserveRange } from './sink.ts'

export interface RunDependencies {
  postgres: Postgres
  keys: Keys
  sink: BatchSink
  /** The zone of times for which neither the file nor the mapping has one. */
  zone: string
  /** Rows of a batch, about. */
  batchRows?: number
  /** Bytes that are read at once; a batch ends where such a piece does. */
  chunkBytes?: number
}

export interface Run {
  started: Import
  ledger: Ledger
  rejectsPath: string
  onProgress(at: Checkpoint): void
  signal: AbortSignal
}

const defaultBatchRows = 20_000

/**
 * Takes the rows after the import's checkpoint to the sink, in their order: one batch is read while the one before it is decided.
 * @throws ImportStopped when the import was paused, cancelled or taken over meanwhile
 */
export async function runImport(deps: RunDependencies, run: Run): Promise<void> {
  const { started, ledger, signal } = run
  const { mapping, header, scan, map } = readingOf(started, deps.zone)
  const start = started.rowsRead > 0 ? started.next : started.shape.start
  const reader = await chunksOf(started.filePath, start.offset, started.fileBytes, deps.chunkBytes)
  const memory = new BlockMemory()
  const batches = preparedBatches({
    begin: async () => {
      const range = await reserveRange(deps.postgres)
      return { range, draft: deps.sink.draft(range) }
    },
    blocks: blocksOf(reader.chunks, scan, start, memory),
    memory,
    map,
    fingerprint: fingerprint(mapping, header, deps.keys.derive('import-fingerprint'), started.scope),
    ledger,
    start,
    firstRow: started.rowsRead,
    bytesRead: reader.bytesRead,
    batchRows: deps.batchRows ?? defaultBatchRows,
  })
  const steps = new Steps(deps, run)
  let deciding: Promise<void> = Promise.resolve()
  try {
    for await (const batch of batches) {
      await deciding
      signal.throwIfAborted()
      deciding = steps.decide(batch)
      // Awaited when the next batch is ready; a failure before that is not unhandled.
      deciding.catch(() => {})
    }
    await deciding
  } finally {
    await deciding.catch(() => {})
    await steps.close()
  }
}

class Steps {
  #at: Checkpoint
  readonly #deps: RunDependencies
  readonly #run: Run
  readonly #rejects: RejectsFile

  constructor(deps: RunDependencies, run: Run) {
    this.#deps = deps
    this.#run = run
    this.#rejects = new RejectsFile(run.rejectsPath, run.started.shape, deps.keys)
    this.#at = run.started
  }

  /** Resolves when the batch is durably decided. */
  async decide(batch: PreparedBatch): Promise<void> {
    const { postgres, sink } = this.#deps
    const { started } = this.#run
    let next = this.#at
    if (batch.imported === 0) {
      next = await postgres.transaction(tx => this.#checkpoint(tx, batch, []))
    } else {
      const { range, draft, rows, start } = batch
      await sink.submit({
        import: started.id,
        draft,
        rows,
        commit: async (tx, refused) => {
          next = await this.#checkpoint(tx, batch, refused)
          await addBatch(tx, { range, import: started.id, start, rows })
        },
      })
    }
    batch.release()
    this.#at = next
    this.#run.onProgress(next)
  }

  close(): Promise<void> {
    return this.#rejects.close(this.#at.rejectsBytes)
  }

  async #checkpoint(tx: Queryable, batch: PreparedBatch, refused: readonly RefusedRow[]): Promise<Checkpoint> {
    const at = this.#at
    const refusedRows = refused.map(({ index, rejection }) => batch.rejectOf(index, { code: rejection.code, reason: rejection.message }))
    const rejects = [...batch.rejects, ...refusedRows].sort((a, b) => a.line - b.line)
    await this.#run.ledger.forget(refused.map(({ index }) => batch.firstRow + index))
    const next = {
      rowsRead: at.rowsRead + batch.rows,
      imported: at.imported + batch.imported - refused.length,
      rejected: at.rejected + rejects.length,
      repeated: at.repeated + batch.repeated,
      leftOut: at.leftOut + batch.leftOut,
      next: batch.next,
      bytesRead: batch.bytesRead,
      rejectsBytes: await this.#rejects.append(at.rejectsBytes, rejects),
    }
    await saveCheckpoint(tx, this.#run.started, next)
    return next
  }
}

/**
 * The events of a decided batch, read again from the file: for storing it after a crash. Rows that repeated earlier ones are among them;
 * what was decided for each position says which count.
 */
export async function replayedBatch(
  decided: Import,
  { range, start, rows }: DecidedBatch,
  zone: string,
): Promise<(CanonicalEvent | undefined)[]> {
  const { scan, map } = readingOf(decided, zone)
  const reader = await chunksOf(decided.filePath, start.offset, decided.fileBytes)
  const events: (CanonicalEvent | undefined)[] = []
  for await (const block of blocksOf(reader.chunks, scan, start)) {
    for (let row = 0; row < block.count && events.length < rows; row++) {
      const mapped = map(block, row)
      events.push(mapped === leftOut || isFault(mapped) ? undefined : mapped)
    }
    if (events.length === rows) return events
  }
  throw new Error(`the file of import ${decided.id} ends before the batch at ${range} does`)
}
