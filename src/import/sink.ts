import type { CanonicalEvent, Rejection } from '../collect/event.ts'
import { maxPartitions, type Position, positionOf } from '../log/position.ts'
import type { Queryable } from '../store/postgres.ts'

/** Imports have a partition of their own, above those of the log. */
export const importPartition = maxPartitions - 1

/** The events of a batch as its sink wants them: made as soon as their rows are read, so that nothing else of these is held while they wait. */
export interface EventDraft {
  /** @param row in the batch, after those of earlier events */
  add(row: number, event: CanonicalEvent): void
  /** Leaves out the events of the rows that are 0 here. */
  keep(rows: Uint8Array): void
}

/** Consecutive rows of a file that are decided together. */
export interface ImportBatch {
  import: number
  /** From the sink, at the range of the batch; row `i` is at `range + i`. Where nothing comes of a row (a repeat, a reject) it has none. */
  draft: EventDraft
  rows: number
  /**
   * Runs inside the transaction that decides the batch, at its end: records how far the file has come. May be called again for another try.
   * @param refused rows that nobody can own after all
   * @throws ImportStopped when the import was paused, cancelled or taken over: the transaction must not commit then
   */
  commit(tx: Queryable, refused: readonly RefusedRow[]): Promise<void>
}

export interface RefusedRow {
  /** Its row in the batch. */
  index: number
  rejection: Rejection
}

/** Where an import's events go: the pipeline. */
export interface BatchSink {
  draft(range: Position): EventDraft
  /** Resolves when the batch is durably decided; waits first while two earlier ones are still on their way to ClickHouse. */
  submit(batch: ImportBatch): Promise<void>
  /** Resolves when everything submitted is visible. */
  finish(): Promise<void>
}

/** The import goes no further here, and everything it has decided stays. */
export class ImportStopped extends Error {
  override name = 'ImportStopped'
}

/** How many positions a batch may take. */
export const rangeSize = 2 ** 20

/** Reserves the positions of a batch. One that is never used leaves a gap, which harms nobody. */
export async function reserveRange(db: Queryable): Promise<Position> {
  const [row] = await db.query<{ base: number }>(`select nextval('import_positions') as base`)
  if (!row) throw new Error('a sequence answers')
  return positionOf(importPartition, row.base)
}
