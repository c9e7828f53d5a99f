import type { Identifier } from '../event.ts'
import { aroundOf, idOf, isObject, type Message, type MessageType } from './message.ts'

/** Letters first, so that a namespace can stand in an address beside a profile id. */
const namespace = /^[A-Za-z][A-Za-z0-9_$.:-]{0,99}$/

/** Every identifier that comes with a message, the strongest first. Traits of a group are not the person's. */
export function identifiersOf(message: Message, type: MessageType, body: unknown): Identifier[] {
  const found: Identifier[] = []
  const traits = type === 'identify' && isObject(message.traits) ? message.traits : undefined
  const around = aroundOf(message, body)?.context
  const shared = isObject(around) ? around : undefined
  const context = isObject(message.context) ? message.context : undefined
  const of = (key: string) => context?.[key] ?? shared?.[key]
  const known = of('traits')
  const knownTraits = isObject(known) ? known : undefined
  const device = of('device')

  add(found, 'user_id', message.userId)
  add(found, 'phone', traits?.phone ?? knownTraits?.phone)
  add(found, 'email', traits?.email ?? knownTraits?.email)
  addExternal(found, of('externalIds') ?? of('externalId'))
  add(found, 'device_id', isObject(device) ? device.id : undefined)
  add(found, 'anonymous_id', message.anonymousId)
  return found
}

function add(found: Identifier[], of: string, value: unknown): void {
  const id = idOf(value)
  if (id !== undefined && id.length <= maxIdLength) found.push({ namespace: of, value: id })
}

export const maxIdLength = 1024

/** `[{id, type}]`; those of other collections than users, and those without a usable type, are no identifiers of a person. */
function addExternal(found: Identifier[], ids: unknown): void {
  if (!Array.isArray(ids)) return
  for (const entry of ids) {
    if (!isObject(entry) || typeof entry.type !== 'string' || !namespace.test(entry.type)) continue
    if (entry.collection === undefined || entry.collection === 'users') add(found, entry.type, entry.id)
  }
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * The identifier that an alias leaves behind: `previousId` does not say of which kind it is. The message's own anonymous id and
 * the UUIDs that SDKs make are anonymous ids, everything else is the brand's.
 */
export function previousOf(message: Message): Identifier | undefined {
  const value = idOf(message.previousId)
  if (value === undefined) return undefined
  const anonymous = value === idOf(message.anonymousId) || uuid.test(value)
  return { namespace: anonymous ? 'anonymous_id' : 'user_id', value }
}
