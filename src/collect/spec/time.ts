import { instantOf } from '../timestamp.ts'
import type { Dialect, Message } from './message.ts'

export interface MessageTime {
  /** Corrected, ms; NaN where the sender's time cannot be read. */
  ts: number
  /** How far the sender's clock is behind ours, ms, transport included; undefined where it was not needed or not known. */
  skew: number | undefined
  /** The sender's time as it was written. */
  said: unknown
}

/**
 * `receivedAt − (sentAt − originalTimestamp)`: the sender's clock is compared with ours at the moment of sending.
 * A live event never lies in the future, and none is moved further into the past than its sender said.
 * An imported one is where its file says.
 */
export function timeOf(
  message: Message,
  around: Message | undefined,
  historical: boolean,
  receivedAt: number,
  dialect: Dialect,
): MessageTime {
  const said = given(message.timestamp) ?? given(message.originalTimestamp)
  if (said === undefined) return { ts: receivedAt, skew: undefined, said }
  const ts = instantOf(said)
  if (historical) return { ts, skew: undefined, said }
  const skew = isFinal(message, dialect) ? undefined : skewOf(given(message.sentAt) ?? given(around?.sentAt), receivedAt)
  return { ts: Math.min(ts + (skew ?? 0), receivedAt), skew, said }
}

function isFinal(message: Message, dialect: Dialect): boolean {
  return given(message.timestamp) !== undefined && (dialect.timestampIsFinal || given(message.originalTimestamp) !== undefined)
}

/** A time of sending that cannot be read says nothing about the clock. */
function skewOf(sentAt: unknown, receivedAt: number): number | undefined {
  const sent = instantOf(sentAt)
  return Number.isNaN(sent) ? undefined : receivedAt - sent
}

function given(value: unknown): unknown {
  return value === null || value === '' ? undefined : value
}
