/**
 * The messages of Segment's spec, which RudderStack's follow: the fields as they may come, nothing of them checked.
 * https://segment.com/docs/connections/spec/common/
 */
export interface Message {
  type?: unknown
  event?: unknown
  name?: unknown
  category?: unknown
  messageId?: unknown
  userId?: unknown
  anonymousId?: unknown
  previousId?: unknown
  groupId?: unknown
  properties?: unknown
  traits?: unknown
  context?: unknown
  channel?: unknown
  timestamp?: unknown
  originalTimestamp?: unknown
  sentAt?: unknown
}

export type MessageType = 'track' | 'identify' | 'page' | 'screen' | 'group' | 'alias'

/** What differs between the senders of these messages. */
export interface Dialect {
  /** Segment's SDKs write the sender's clock into `timestamp`; RudderStack's write it into `originalTimestamp`, and `timestamp` is final. */
  timestampIsFinal: boolean
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A single request names the type in its path; the items of a batch name it themselves. */
export function typeOf(message: Message, form: string): MessageType | undefined {
  const type = form === 'batch' || form === 'import' ? message.type : form
  switch (type) {
    case 'track':
    case 'identify':
    case 'page':
    case 'screen':
    case 'group':
    case 'alias':
      return type
    default:
      return undefined
  }
}

/** What the batch says for all its items; of a single message it is nothing beyond the message. */
export function aroundOf(message: Message, body: unknown): Message | undefined {
  return message !== body && isObject(body) ? body : undefined
}

/** An id as text: SDKs of typed languages send numbers. Undefined where there is none. */
export function idOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined
}
