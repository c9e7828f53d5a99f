import type { CanonicalEvent } from '../event.ts'
import { isObject, type Message, type MessageType } from './message.ts'

type Consent = CanonicalEvent['consents'][number]

/**
 * The consents that a message changes. SDKs stamp every message with the current state, so only those count that are sent when it
 * is set: identify and Segment's own event, and page and screen for RudderStack, which has no event for it.
 * Segment: `context.consent.categoryPreferences {purpose: boolean}`.
 * RudderStack: `context.consentManagement {allowedConsentIds, deniedConsentIds}`.
 */
export function consentsOf(message: Message, type: MessageType, context: Record<string, unknown>): Consent[] {
  const announced = type === 'track' && message.event === 'Segment Consent Preference Updated'
  if (announced || type === 'identify') return [...preferences(context.consent), ...managed(context.consentManagement)]
  return type === 'page' || type === 'screen' ? managed(context.consentManagement) : []
}

function preferences(consent: unknown): Consent[] {
  const categories = isObject(consent) ? consent.categoryPreferences : undefined
  if (!isObject(categories)) return []
  return Object.entries(categories).flatMap(([purpose, given]) => (typeof given === 'boolean' ? one(purpose, given) : []))
}

function managed(management: unknown): Consent[] {
  if (!isObject(management)) return []
  return [
    ...idsOf(management.allowedConsentIds).flatMap(id => one(id, true)),
    ...idsOf(management.deniedConsentIds).flatMap(id => one(id, false)),
  ]
}

/** A list, or an object with the ids as keys. */
function idsOf(ids: unknown): unknown[] {
  if (Array.isArray(ids)) return ids
  return isObject(ids) ? Object.keys(ids) : []
}

function one(purpose: unknown, given: boolean): Consent[] {
  return typeof purpose === 'string' && /^[^\0]{1,100}$/.test(purpose) ? [{ purpose, given }] : []
}
