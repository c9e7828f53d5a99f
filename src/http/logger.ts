import { type DestinationStream, type Logger, pino } from 'pino'
import { hideInText } from '../dictionary/personal-text.ts'

export type { Logger }

/** Structured logs, one JSON object a line. Errors are written without what could hold a person's data. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: errorForLog } }
  return destination ? pino(options, destination) : pino(options)
}

/** A database's message may quote a value: phones, addresses and numbers in it are masked, and its `detail` (whole rows) is left out. */
export function errorForLog(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error }
  const known = error as Error & { code?: unknown; constraint?: unknown; table?: unknown }
  const frames = error.stack?.split('\n').filter(line => /^\s+at /.test(line))
  return {
    type: error.name,
    message: hideInText(error.message, sort => `[${sort}]`),
    ...(known.code !== undefined && { code: known.code }),
    ...(known.table !== undefined && { table: known.table }),
    ...(known.constraint !== undefined && { constraint: known.constraint }),
    ...(frames && { stack: frames.map(line => line.trim()).join('\n') }),
    ...(error.cause !== undefined && { cause: errorForLog(error.cause) }),
  }
}
