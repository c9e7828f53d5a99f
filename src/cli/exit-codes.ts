import { Refusal } from '../refusal.ts'

/** What a script learns from the exit code. */
export const exitCodes = {
  ok: 0,
  /** A fault of the program. */
  fault: 1,
  /** The command line or the environment does not make sense. */
  usage: 2,
  /** The machine or an engine is not as it must be: port taken, store unreachable, Node too old. */
  environment: 3,
  /** The server refused: unknown thing, no permission, invalid document. */
  refused: 4,
  /** It was done in part: some rows rejected, some checks failed. */
  partly: 5,
} as const

const environmental = new Set(['port-in-use', 'port-forbidden', 'host-unknown', 'unreachable', 'data-directory', 'in-use'])

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof Refusal)) return exitCodes.fault
  if (error.code === 'configuration' || error.code === 'usage') return exitCodes.usage
  return environmental.has(error.code) || error.status >= 500 ? exitCodes.environment : exitCodes.refused
}
