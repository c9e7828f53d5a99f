import type { CanonicalEvent, IdentityOperation, Json, JsonObject, TraitChange } from '../event.ts'
import type { DecodedRequest } from '../format.ts'
import { storable } from '../representable.ts'
import { isTagTrait } from '../tag-trait.ts'
import { channelOf, isClientSide } from './channel.ts'
import { consentsOf } from './consents.ts'
import { identifiersOf, previousOf } from './identifiers.ts'
import { aroundOf, type Dialect, idOf, isObject, type Message, type MessageType, typeOf } from './message.ts'
import { timeOf } from './time.ts'

/** The event of a message that `checkMessage` let pass. */
export function decodeMessage(item: unknown, request: DecodedRequest, dialect: Dialect): CanonicalEvent {
  const message = item as Message
  const type = typeOf(message, request.form)
  if (type === undefined) throw new Error('a message of no known type was let pass')
  const around = aroundOf(message, request.body)
  const context = { ...objectAt(around?.context), ...objectAt(message.context) }
  const historical = request.form === 'import'
  const { ts, skew, said } = timeOf(message, around, historical, request.receivedAt, dialect)
  const channel = channelOf(message, context.library, request.channel)
  const operation = type === 'alias' ? aliasOf(message) : undefined
  return {
    messageId: idOf(message.messageId) ?? request.fallbackId,
    event: eventOf(message, type),
    ts,
    receivedAt: request.receivedAt,
    source: request.source,
    channel,
    historical,
    props: storable(propsOf(message, type)) as JsonObject,
    context: storable({
      ...withoutIdentifiers(context),
      ...(isClientSide(channel) && request.ip !== undefined && (context.ip ?? '') === '' ? { ip: request.ip } : {}),
      ...(skew === undefined ? {} : { originalTimestamp: said, skewMs: skew }),
    }) as JsonObject,
    identifiers: identifiersOf(message, type, request.body),
    traits: type === 'identify' ? traitsOf({ ...objectAt(context.traits), ...objectAt(message.traits) }) : [],
    consents: consentsOf(message, type, context),
    ...(operation ? { operation } : {}),
  }
}

function objectAt(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {}
}

function eventOf(message: Message, type: MessageType): string {
  switch (type) {
    case 'track':
      return message.event as string
    case 'page':
      return 'Page Viewed'
    case 'screen':
      return 'Screen Viewed'
    default:
      return `$${type}`
  }
}

function propsOf(message: Message, type: MessageType): Record<string, unknown> {
  switch (type) {
    case 'page':
    case 'screen':
      return { ...textOf('name', message.name ?? message.event), ...textOf('category', message.category), ...objectAt(message.properties) }
    case 'group':
      return { groupId: idOf(message.groupId), traits: objectAt(message.traits) }
    default:
      return objectAt(message.properties)
  }
}

function textOf(key: string, value: unknown): Record<string, string> {
  return typeof value === 'string' && value !== '' ? { [key]: value } : {}
}

/** What says who it is goes into identifiers and traits, and is not kept in the clear beside the event. */
function withoutIdentifiers({ traits, externalIds, externalId, device, ...rest }: Record<string, unknown>): Record<string, unknown> {
  if (!isObject(device)) return rest
  const { id, ...deviceWithoutId } = device
  return { ...rest, device: deviceWithoutId }
}

/** A sender has no say in what is assigned by hand: such a key is passed over, the others count. */
function traitsOf(traits: Record<string, unknown>): TraitChange[] {
  return Object.entries(traits)
    .filter(([key]) => !isTagTrait(key))
    .map(([key, value]) => (value === null ? { key, op: 'unset' } : { key, op: 'set', value: storable(value) as Exclude<Json, null> }))
}

/** SDKs alias a person to themselves after login: that is no operation. */
function aliasOf(message: Message): IdentityOperation | undefined {
  const previous = previousOf(message)
  return previous && previous.value !== idOf(message.userId) ? { kind: 'alias', previous } : undefined
}
