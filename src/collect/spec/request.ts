import type { Json, Rejection } from '../event.ts'
import type { Head, Standalone } from '../format.ts'
import { maxDepth, unrepresentable, weigh } from '../representable.ts'
import { aroundOf, isObject, type Message } from './message.ts'

/** Far above what SDKs put into one request; what it bounds is the work that a small body can ask for. */
export const maxItems = 5000
/** The context of a batch is merged under each of its items, so it must stay small. */
const maxSharedBytes = 8 * 1024

/** `Authorization: Basic base64(writeKey:)`, or `writeKey` in the query or in the body. */
export function writeKeyOf(head: Head, body: unknown): string | undefined {
  return (
    basicKey(head.headers.authorization) ??
    queryKey(head.query) ??
    (isObject(body) && typeof body.writeKey === 'string' ? body.writeKey : undefined)
  )
}

function basicKey(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  const known = basicKeys.get(authorization)
  if (known !== undefined) return known
  const key = decodedBasic(authorization)
  if (basicKeys.size >= 1000) basicKeys.clear()
  if (key !== undefined) basicKeys.set(authorization, key)
  return key
}

/** A source says the same thing with every request. */
const basicKeys = new Map<string, string>()

function decodedBasic(authorization: string): string | undefined {
  if (!/^basic /i.test(authorization)) return undefined
  const pair = Buffer.from(authorization.slice(6), 'base64').toString()
  const colon = pair.indexOf(':')
  return (colon < 0 ? pair : pair.slice(0, colon)) || undefined
}

function queryKey(query: string): string | undefined {
  return query === '' ? undefined : (new URLSearchParams(query).get('writeKey') ?? undefined)
}

/** The items of a body: those of `batch`, or the body itself. */
export function itemsOf(body: unknown, form: string): readonly unknown[] | Rejection {
  if (form !== 'batch' && form !== 'import') return [body]
  if (!isObject(body) || !Array.isArray(body.batch))
    return { code: 'no_batch', path: 'batch', message: 'Send an object with the list "batch".' }
  if (body.batch.length === 0) return { code: 'no_items', path: 'batch', message: 'The batch has no items.' }
  if (body.batch.length > maxItems)
    return { code: 'too_many_items', path: 'batch', message: `A batch may have ${maxItems} items: send it in parts.` }
  return sharedFault(body.context) ?? body.batch
}

function sharedFault(context: unknown): Rejection | undefined {
  if (!isObject(context)) return undefined
  const weight = weigh(context, maxDepth, true)
  if (Number.isNaN(weight)) return unrepresentable(context, 'context')
  if (weight * 6 <= maxSharedBytes || Buffer.byteLength(JSON.stringify(context)) <= maxSharedBytes) return undefined
  return {
    code: 'context_too_large',
    path: 'context',
    message: `The context of a batch may have ${maxSharedBytes} bytes: put the rest into its items.`,
  }
}

/** A request with only these items, and what of the rest says something about them. */
export function carrying(items: readonly unknown[], body: unknown, form: string): { form: string; body: unknown } {
  if (form !== 'batch' && form !== 'import') return { form, body: items[0] }
  const { context, sentAt }: Message = isObject(body) ? body : {}
  return {
    form,
    body: {
      batch: items,
      ...(isObject(context) ? { context } : {}),
      ...(typeof sentAt === 'string' || typeof sentAt === 'number' ? { sentAt } : {}),
    },
  }
}

/** The message with the type, context and time of sending that the request gave it, without the write key. */
export function standaloneOf(item: unknown, request: { form: string; body: unknown }): Standalone {
  const batched = request.form === 'batch' || request.form === 'import'
  const form = request.form === 'import' ? 'import' : 'batch'
  if (!isObject(item)) return { form, message: item as Json }
  const around = aroundOf(item, request.body)
  const { writeKey, ...own } = item
  const message = {
    ...own,
    ...(batched ? {} : { type: request.form }),
    ...(isObject(around?.context) ? { context: { ...around.context, ...(isObject(own.context) ? own.context : {}) } } : {}),
    ...(own.sentAt === undefined && around?.sentAt !== undefined ? { sentAt: around.sentAt } : {}),
  }
  return { form, message: message as Json }
}
