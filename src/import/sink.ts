import type { CanonicalEvent, Rejection } from '../collect/event.ts'
import { maxPartitions, type Position, positionOf } from '../log/position.ts'
import type { Queryable } from '../store/postgres.ts'

/** Imports have a partition of their own, above those of the log. */
export const importPartition = maxPartitions - 1

/** Consecutive rows of a file that are decided together. */
export interface ImportBatch {
  import: number
  /** Where the first row stands; row `i` is at `range + i`. */
  range: Position
  /** One for each row; undefined where nothing comes of it (a repeat, a reject). */
  events: (CanonicalEvent | undefined)[]
  /**
   * Runs inside the transaction that decides the batch, at its end: records how far the file has come. May be called again for another try.
   * @param refused rows that nobody can own after all
   * @throws ImportStopped when the import was paused, cancelled or taken over: the transaction must not commit then
   */
  commit(tx: Queryable, refused: readonly RefusedRow[]): Promise<void>
}

export interface RefusedRow {
  /** In `events`. */
  index: number
  rejection: Rejection
}

/** Where an import's events go: the pipeline. */
export interface BatchSink {
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
