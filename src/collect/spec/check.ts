import type { Rejection } from '../event.ts'
import type { CheckedRequest } from '../format.ts'
import { maxDepth, unrepresentable, weigh } from '../representable.ts'
import { earliestTime, latestTime } from '../timestamp.ts'
import { identifiersOf, maxIdLength } from './identifiers.ts'
import { aroundOf, type Dialect, idOf, isObject, type Message, type MessageType, typeOf } from './message.ts'
import { timeOf } from './time.ts'

/** Segment's limit for one event, as JSON in UTF-8. */
export const maxMessageBytes = 32 * 1024
const maxNameLength = 255

/** The names that messages without an event of their own carry. */
const reservedNames = new Set(['$identify', '$group', '$alias'])

const fault = (code: string, path: string, message: string): Rejection => Object.freeze({ code, path, message })

const notAnObject = fault('not_an_object', '', 'An item must be a JSON object.')
const tooLarge = fault('event_too_large', '', `An event may have ${maxMessageBytes} bytes: send less in its properties.`)
const unknownType = fault('unknown_type', 'type', 'The type must be track, identify, page, screen, group or alias.')
const noIdentifier = fault('no_identifier', 'userId', 'Send userId or anonymousId, or another identifier of the person.')
const noEvent = fault('no_event_name', 'event', 'A track call needs the name of its event, as text.')
const longEvent = fault('event_name_too_long', 'event', `An event name may have ${maxNameLength} characters.`)
const reservedEvent = fault('reserved_event_name', 'event', '$identify, $group and $alias are reserved: use the call of that name.')
const noGroup = fault('no_group_id', 'groupId', 'A group call needs groupId.')
const noPrevious = fault('no_previous_id', 'previousId', 'An alias call needs previousId.')
const badMessageId = fault('bad_message_id', 'messageId', `A messageId is text of at most ${maxNameLength} characters without NUL.`)
const badTime = fault('bad_timestamp', 'timestamp', 'The time must be ISO 8601, as 2026-10-01T08:00:00.000Z.')
const timeOutOfRange = fault('time_out_of_range', 'timestamp', 'The time must lie between 1900 and 2299.')
const notAnObjectAt = { properties: notObject('properties'), traits: notObject('traits'), context: notObject('context') }
const notTextAt = {
  userId: notText('userId'),
  anonymousId: notText('anonymousId'),
  previousId: notText('previousId'),
  groupId: notText('groupId'),
}

function notObject(path: string): Rejection {
  return fault('not_an_object', path, `The field ${path} must be an object.`)
}

function notText(path: string): Rejection {
  return fault(
    'bad_identifier',
    path,
    `The field ${path} must be text, or a whole number below 2^53, of at most ${maxIdLength} characters.`,
  )
}

/** Why a message is not taken. */
export function checkMessage(item: unknown, request: CheckedRequest, dialect: Dialect): Rejection | undefined {
  if (!isObject(item)) return notAnObject
  const weight = weigh(item, maxDepth + 1, request.escaped)
  if (Number.isNaN(weight)) return unrepresentable(item, '', maxDepth + 1)
  if (weight * 6 > maxMessageBytes && Buffer.byteLength(JSON.stringify(item)) > maxMessageBytes) return tooLarge
  const type = typeOf(item, request.form)
  if (type === undefined) return unknownType
  return faultOfShape(item) ?? faultOfType(item, type) ?? faultOfIdentity(item, type, request) ?? faultOfTime(item, request, dialect)
}

function faultOfShape(message: Message): Rejection | undefined {
  if (!isObjectOrAbsent(message.properties)) return notAnObjectAt.properties
  if (!isObjectOrAbsent(message.traits)) return notAnObjectAt.traits
  if (!isObjectOrAbsent(message.context)) return notAnObjectAt.context
  const id = message.messageId
  if (typeof id === 'string' && (id.length > maxNameLength || id.includes('\0'))) return badMessageId
  return undefined
}

function isObjectOrAbsent(value: unknown): boolean {
  return value === undefined || value === null || isObject(value)
}

function faultOfType(message: Message, type: MessageType): Rejection | undefined {
  switch (type) {
    case 'track':
      return faultOfEvent(message.event)
    case 'group':
      return faultOfId(message.groupId, notTextAt.groupId) ?? (idOf(message.groupId) === undefined ? noGroup : undefined)
    case 'alias':
      return faultOfId(message.previousId, notTextAt.previousId) ?? (idOf(message.previousId) === undefined ? noPrevious : undefined)
    default:
      return undefined
  }
}

function faultOfEvent(event: unknown): Rejection | undefined {
  if (typeof event !== 'string' || event.trim() === '' || event.includes('\0')) return noEvent
  if (event.length > maxNameLength) return longEvent
  return event.charCodeAt(0) === 36 && reservedNames.has(event) ? reservedEvent : undefined
}

function faultOfIdentity(message: Message, type: MessageType, request: CheckedRequest): Rejection | undefined {
  const misfit = faultOfId(message.userId, notTextAt.userId) ?? faultOfId(message.anonymousId, notTextAt.anonymousId)
  if (misfit) return misfit
  if (idOf(message.userId) !== undefined || idOf(message.anonymousId) !== undefined) return undefined
  return identifiersOf(message, type, request.body).length > 0 ? undefined : noIdentifier
}

/** Absent and empty are no fault: the SDKs send null before login. */
function faultOfId(value: unknown, misfit: Rejection): Rejection | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value.length > maxIdLength ? misfit : undefined
  return typeof value === 'number' && Number.isSafeInteger(value) ? undefined : misfit
}

function faultOfTime(message: Message, request: CheckedRequest, dialect: Dialect): Rejection | undefined {
  const { ts } = timeOf(message, aroundOf(message, request.body), request.form === 'import', request.receivedAt, dialect)
  if (Number.isNaN(ts)) return badTime
  return ts < earliestTime || ts > latestTime ? timeOutOfRange : undefined
}
