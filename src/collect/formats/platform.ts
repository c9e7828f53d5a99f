import type { CanonicalEvent, Rejection } from '../event.ts'
import type { Answer, Format } from '../format.ts'
import { platformSource } from '../tag-trait.ts'

/** What the platform itself writes into the log, as it will be decoded. */
export type PlatformItem = Pick<CanonicalEvent, 'messageId' | 'event' | 'ts' | 'props' | 'identifiers' | 'traits'>

const refused: Rejection = { code: 'not_from_outside', path: '', message: 'Only the platform itself writes such items.' }
const answer = (status: number): Answer => ({ status, type: 'application/json', body: '{}' })

/** Facts that come from no sender: no address takes them, only the server's own code appends them. */
export const platform: Format = {
  name: 'platform',
  route: () => undefined,
  writeKey: () => undefined,
  countSound: () => 0,
  items: body => (Array.isArray(body) ? body : refused),
  check: () => undefined,
  decode: (item, { receivedAt, source }) => {
    if (source !== platformSource) throw new Error('only the platform itself writes such items')
    const { messageId, event, ts, props, identifiers, traits } = item as PlatformItem
    return {
      messageId,
      event,
      ts: Math.min(ts, receivedAt),
      receivedAt,
      source,
      channel: 'platform',
      historical: false,
      props,
      context: {},
      identifiers,
      traits,
      consents: [],
    }
  },
  partitionKey: item => {
    const [first] = (item as PlatformItem).identifiers
    return first ? `${first.namespace}\0${first.value}` : ''
  },
  carrying: (items, _, form) => ({ form, body: items }),
  standalone: (item, { form }) => ({ form, message: item as never }),
  answers: { accepted: () => answer(200), refused: status => answer(status) },
}
