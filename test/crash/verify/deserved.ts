import type { Position } from '../../../src/log/position.ts'
import type { Item } from '../messages.ts'
import type { Account } from '../witness.ts'
import type { Logged } from './logged.ts'

/** An event that has to be stored, once. */
export interface Due {
  key: string
  item: Item
  /** Its time, where it is known otherwise than from what is stored. */
  at?: number
  messageId: string
}

/** What each position of the log has to have become, told from the log and the witness alone. */
export interface Deserved {
  stored: Map<Position, Due>
  rejected: Map<Position, { key: string; code: string }>
  /** Items that no client has sent. */
  strange: Logged[]
}

export function deserved(log: readonly Logged[], accounts: ReadonlyMap<string, Account>): Deserved {
  const found: Deserved = { stored: new Map(), rejected: new Map(), strange: [] }
  const seen = new Set<string>()
  for (const logged of log) {
    const account = accounts.get(logged.key)
    const { key, event, position } = logged
    if (!account || (event === undefined) !== (account.item.fate === 'refused')) {
      found.strange.push(logged)
      continue
    }
    const { item } = account
    const id = event && `${event.source} ${event.messageId}`
    const isRepeat = id !== undefined && seen.has(id)
    if (id !== undefined) seen.add(id)
    // What is refused is never remembered, so each copy of it is refused again.
    if (event === undefined || item.fate === 'nobody') found.rejected.set(position, { key, code: item.code })
    else if (!isRepeat) found.stored.set(position, { key, item, at: event.ts, messageId: event.messageId })
  }
  return found
}
