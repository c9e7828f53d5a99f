import type { Json } from '../../src/collect/event.ts'
import type { Chance } from './chance.ts'
import type { Person } from './people.ts'

export interface NormalIdentifier {
  namespace: string
  value: string
}

/** A message in Segment's format, and what has to become of it. */
export interface Item {
  /** Tells it from every other message: its message id, or what else it can be found by where it carries none. */
  key: string
  message: Json
  /** `refused`: the collector says so at once. `nobody`: nobody can own it, which is found out after the log. */
  fate: 'taken' | 'refused' | 'nobody'
  /** Of the rejection. */
  code: string
  event: string
  /** Normalised, strongest first. */
  identifiers: readonly NormalIdentifier[]
  /** Null unsets. */
  traits: Readonly<Record<string, Json>>
  consents: Readonly<Record<string, boolean>>
}

type Write = (chance: Chance, person: Person, key: string) => Omit<Item, 'key'>

/** One of everything that clients send, in about the shares in which they do. */
export function messageOf(chance: Chance, person: Person, key: string): Item {
  const { make } = weighed(chance)
  const { message, ...rest } = make(chance, person, key)
  return { key, message: isObject(message) ? timed(chance, message) : message, ...rest }
}

export function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const kinds: readonly { share: number; make: Write }[] = [
  { share: 30, make: anonymousTrack },
  { share: 18, make: knownTrack },
  { share: 6, make: tabletTrack },
  { share: 22, make: identify },
  { share: 5, make: page },
  { share: 5, make: alias },
  { share: 3, make: withoutId },
  { share: 6, make: faulty },
  { share: 2, make: placeholder },
]
const shares = kinds.reduce((sum, { share }) => sum + share, 0)

function weighed(chance: Chance): { make: Write } {
  let left = chance.between(1, shares)
  const found = kinds.find(({ share }) => {
    left -= share
    return left <= 0
  })
  if (!found) throw new Error('the shares add up')
  return found
}

const user = ({ userId }: Person): NormalIdentifier => ({ namespace: 'user_id', value: userId })
const device = (value: string): NormalIdentifier => ({ namespace: 'device_id', value })
const anonymous = (value: string): NormalIdentifier => ({ namespace: 'anonymous_id', value })

const nothing = { traits: {}, consents: {}, code: '', fate: 'taken' } as const

function anonymousTrack(chance: Chance, person: Person, key: string): Omit<Item, 'key'> {
  const anonymousId = chance.pick(person.anonymousIds)
  const withDevice = chance.happens(0.2)
  return {
    ...nothing,
    event: 'Product Viewed',
    message: {
      ...{ type: 'track', messageId: key, anonymousId, event: 'Product Viewed', properties: { mark: key, price: chance.between(1, 900) } },
      ...(withDevice ? { context: { device: { id: person.deviceId } } } : {}),
    },
    identifiers: [...(withDevice ? [device(person.deviceId)] : []), anonymous(anonymousId)],
  }
}

function knownTrack(chance: Chance, person: Person, key: string): Omit<Item, 'key'> {
  const anonymousId = chance.pick(person.anonymousIds)
  const properties = { mark: key, total: chance.between(100, 90_000) / 100, products: [{ sku: 'S-1', quantity: 2 }] }
  return {
    ...nothing,
    event: 'Order Completed',
    message: { type: 'track', messageId: key, userId: person.userId, anonymousId, event: 'Order Completed', properties },
    identifiers: [user(person), anonymous(anonymousId)],
  }
}

function tabletTrack(_chance: Chance, person: Person, key: string): Omit<Item, 'key'> {
  const context = { device: { id: person.tablet } }
  return {
    ...nothing,
    event: 'Visit Checked In',
    message: { type: 'track', messageId: key, userId: person.userId, event: 'Visit Checked In', properties: { mark: key }, context },
    identifiers: [user(person), device(person.tablet)],
  }
}

function identify(chance: Chance, person: Person, key: string): Omit<Item, 'key'> {
  const anonymousId = chance.pick(person.anonymousIds)
  const known = chance.happens(0.7)
  const traits = traitsOf(chance, person, key, known)
  const consents: Record<string, boolean> = chance.happens(0.3) ? { marketing: chance.happens(0.7), profiling: chance.happens(0.5) } : {}
  const given = Object.keys(consents).length > 0
  return {
    ...nothing,
    event: '$identify',
    message: {
      ...{ type: 'identify', messageId: key, anonymousId, traits },
      ...(known ? { userId: person.userId } : {}),
      ...(given ? { context: { consent: { categoryPreferences: consents } } } : {}),
    },
    identifiers: [
      ...(known ? [user(person)] : []),
      ...('phone' in traits ? [{ namespace: 'phone', value: person.phone.replaceAll(' ', '') }] : []),
      ...('email' in traits ? [{ namespace: 'email', value: person.email.toLowerCase() }] : []),
      anonymous(anonymousId),
    ],
    traits,
    consents,
  }
}

/**
 * Of every sort that is kept differently: plain, listed, nested, personal, unset. A phone comes with a user id only: one that comes with an
 * anonymous id alone makes a person of its own, whom no anonymous id can join with another later.
 */
function traitsOf(chance: Chance, person: Person, key: string, known: boolean): Record<string, Json> {
  const possible: Record<string, Json> = {
    tier: chance.pick(['gold', 'silver', 'bronze']),
    said_by: key,
    visits: chance.between(1, 400),
    ratio: chance.between(1, 999) / 1000,
    vip: chance.happens(0.5),
    interests: ['hydration', chance.pick(['photo', 'acne'])],
    preferences: { channel: chance.pick(['sms', 'wecom']), quiet: true },
    note: chance.happens(0.5) ? null : 'likes mornings',
    ...(known ? { phone: person.phone, email: person.email } : {}),
    birthday: chance.pick(['1990-03-04', '1985-12-31']),
    firstName: chance.pick(['Ana', 'Bo']),
  }
  const chosen = Object.entries(possible).filter(() => chance.happens(0.4))
  return Object.fromEntries(chosen.length > 0 ? chosen : [['said_by', key]])
}

function page(chance: Chance, person: Person, key: string): Omit<Item, 'key'> {
  const anonymousId = chance.pick(person.anonymousIds)
  return {
    ...nothing,
    event: 'Page Viewed',
    message: { type: 'page', messageId: key, anonymousId, name: 'Home', properties: { mark: key } },
    identifiers: [anonymous(anonymousId)],
  }
}

function alias(chance: Chance, person: Person, key: string): Omit<Item, 'key'> {
  const previousId = chance.pick(person.anonymousIds)
  return {
    ...nothing,
    event: '$alias',
    message: { type: 'alias', messageId: key, userId: person.userId, previousId },
    identifiers: [user(person), anonymous(previousId)],
  }
}

function withoutId(chance: Chance, person: Person, key: string): Omit<Item, 'key'> {
  const anonymousId = chance.pick(person.anonymousIds)
  return {
    ...nothing,
    event: 'Button Clicked',
    message: { type: 'track', anonymousId, event: 'Button Clicked', properties: { mark: key } },
    identifiers: [anonymous(anonymousId)],
  }
}

function faulty(chance: Chance, { userId }: Person, key: string): Omit<Item, 'key'> {
  const faults: readonly (readonly [code: string, message: Json])[] = [
    ['unknown_type', { type: 'tracked', messageId: key, userId }],
    ['no_event_name', { type: 'track', messageId: key, userId }],
    ['no_identifier', { type: 'track', messageId: key, event: 'Product Viewed' }],
    ['bad_identifier', { type: 'track', messageId: key, userId: { id: userId }, event: 'Product Viewed' }],
    ['bad_timestamp', { type: 'track', messageId: key, userId, event: 'Product Viewed', timestamp: 'yesterday' }],
    ['not_an_object', key],
  ]
  const [code, message] = chance.pick(faults)
  return { ...nothing, fate: 'refused', code, event: '', message, identifiers: [] }
}

function placeholder(_chance: Chance, _person: Person, key: string): Omit<Item, 'key'> {
  const message = { type: 'track', messageId: key, userId: 'null', event: 'Product Viewed', properties: { mark: key } }
  return { ...nothing, fate: 'nobody', code: 'identifier-blocked', event: '', message, identifiers: [] }
}

/** Clients send late and out of order. */
function timed(chance: Chance, message: { [key: string]: Json }): Json {
  if ('timestamp' in message || chance.happens(0.3)) return message
  return { ...message, timestamp: new Date(Date.now() - chance.between(0, 3_600_000)).toISOString() }
}
