/** JSON as ClickHouse can keep it: well-formed text, finite numbers, depth ≤ 16, no dots inside keys (see `representable.ts`). */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

/** An identifier as it came, in its namespace; normalising and validating is identity's business. */
export interface Identifier {
  namespace: string
  value: string
}

/** One change of a trait. `set` never carries null: that is `unset`. */
export type TraitChange = { key: string; op: 'set'; value: Exclude<Json, null> } | { key: string; op: 'unset' }

/** What a message asks of identity beyond “these identifiers came together”. */
export type IdentityOperation =
  /** `previous` is the same person as the message's own identifiers (Segment alias, Sensors track_signup). A self-alias is no operation. */
  | { kind: 'alias'; previous: Identifier }
  /** The identifiers of this message are taken off the person (Sensors unbind). */
  | { kind: 'unbind' }

/**
 * The one form in which every front door hands over what happened.
 * Messages without an event of their own (identify, group, alias) carry the reserved names `$identify`, `$group`, `$alias`.
 */
export interface CanonicalEvent {
  messageId: string
  event: string
  /** Corrected time, ms since the epoch. Live: ≤ receivedAt. */
  ts: number
  receivedAt: number
  /** Source key, as in `/api/sources`. */
  source: string
  channel: 'web' | 'server' | 'mobile' | 'mini_program' | 'import' | 'platform' | 'other'
  /** Imported past: becomes part of the portrait, triggers nothing. */
  historical: boolean
  props: JsonObject
  context: JsonObject
  /** In the order of the payload; not yet normalised, may be empty of usable ones only if the format's `check` refused it. */
  identifiers: Identifier[]
  traits: TraitChange[]
  consents: { purpose: string; given: boolean; proof?: JsonObject }[]
  operation?: IdentityOperation
}

/** Why an item was not taken: a stable code, the path in the item, a sentence that says what to do. Never a value. */
export interface Rejection {
  code: string
  path: string
  message: string
}
