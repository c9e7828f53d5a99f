import type { IncomingHttpHeaders } from 'node:http'
import type { CanonicalEvent, Json, Rejection } from './event.ts'
import type { Source } from './sources.ts'

/**
 * A wire format is one file behind this contract, and a line in `formats/index.ts`.
 * `check` runs before the log, on every item of every request; `decode` runs after it, in the pipeline, on the same bytes.
 * Whatever `check` lets pass, `decode` turns into an event that the stores can hold.
 */
export interface Format {
  /** Kept in the records of the log: never renamed. */
  name: string

  /** What a request is to this format; undefined when it is not its own. */
  route(head: Head): Route | undefined

  /** The write key that a request carries; `body` is there once it has been read, for formats that put it inside. */
  writeKey(head: Head, body?: unknown): string | undefined

  /**
   * How many items a request has where its bytes show at a glance that every one of them is to be taken; 0 where it takes a closer look.
   * Saves the parsing: whatever it counts, `items` finds as many, and `check` lets them all pass.
   */
  countSound(bytes: Uint8Array, form: string, receivedAt: number): number

  /** The items of a request in their order, or why it has none. */
  items(body: unknown, form: string): readonly unknown[] | Rejection

  /** Why an item is not taken. Cheap: no allocation for an item that is. */
  check(item: unknown, request: CheckedRequest): Rejection | undefined

  /** Total for every item that `check` let pass. */
  decode(item: unknown, request: DecodedRequest): CanonicalEvent

  /** Retries of an item meet in one partition of the log: its first identifier in a fixed order. */
  partitionKey(item: unknown, request: CheckedRequest): string

  /** A request that carries only these items of another. */
  carrying(items: readonly unknown[], body: unknown, form: string): { form: string; body: unknown }

  /** An item with all it took from the request around it and nothing secret: what is kept of a rejected one, and what can be sent again. */
  standalone(item: unknown, request: { form: string; body: unknown }): Standalone

  answers: {
    accepted(rejected: readonly IndexedRejection[]): Answer
    refused(status: number, code: string, message: string): Answer
  }
}

/** An item that needs no request around it, and the form of a request that carries it. */
export interface Standalone {
  form: string
  message: Json
}

export function isList(items: readonly unknown[] | Rejection): items is readonly unknown[] {
  return Array.isArray(items)
}

export interface Head {
  method: string
  path: string
  /** Without `?`; empty when there is none. */
  query: string
  headers: IncomingHttpHeaders
}

export type Route =
  /** Events to take; `form` says which of the format's shapes the body has, and is kept in the record. */
  | { kind: 'events'; form: string; maxBytes: number; tooLarge: 400 | 413 }
  /** A document about the source that the request names. */
  | { kind: 'document'; answer(source: Source, head: Head, site: Site): Answer }
  /** The same for everybody who asks. */
  | { kind: 'asset'; answer(head: Head): Answer }

/** Under which address the sender sees this server. */
export interface Site {
  protocol: 'http' | 'https'
  host: string
}

export interface CheckedRequest {
  form: string
  body: unknown
  /** The text had `\u` escapes (see `weigh`). */
  escaped: boolean
  receivedAt: number
}

export interface DecodedRequest {
  form: string
  body: unknown
  source: string
  /** What the source is set to send; `other` leaves it to the message. */
  channel: CanonicalEvent['channel']
  receivedAt: number
  /** Address of the sender, where it is known. */
  ip?: string
  /** Stands in for a message id that the sender did not give. */
  fallbackId: string
}

export interface IndexedRejection extends Rejection {
  index: number
}

export interface Answer {
  status: number
  type: string
  body: string | Buffer
  headers?: Record<string, string>
}
