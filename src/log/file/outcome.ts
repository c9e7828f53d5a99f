/** What the log found or did that its owner should know; plain data for a structured log, without content of records. */
export type Outcome =
  /** What was being written when the process stopped, and was never acknowledged, has been cut off. */
  | { kind: 'tail-cut'; partition: number; file: string; bytes: number }
  /** Acknowledged records cannot be read: reading stops there with LogCorrupt until somebody decides. */
  | { kind: 'damaged'; partition: number; file: string; position: number; from: number; to: number }
  /** A consumer's file of offsets was not whole: it begins anew at 0. */
  | { kind: 'consumer-forgotten'; consumer: string }
  /** Writing failed; the record was refused and the segment is (or is not) trusted further. */
  | { kind: 'write-failed'; partition: number; file: string; code: string; abandoned: boolean }
  | { kind: 'removed'; partition: number; segments: number; bytes: number; start: number }
  /** The log is over `maxBytes`, and what is oldest has not been committed by this consumer (none is known: empty). */
  | { kind: 'over-size'; partition: number; bytes: number; waitsFor: string }
  | { kind: 'retention-failed'; code: string }

export type ReportOutcome = (outcome: Outcome) => void

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
}
