import type { Account } from '../witness.ts'
import { isFromLog } from './facts.ts'
import type { Logged } from './logged.ts'
import type { Stored } from './stored.ts'
import { emptyVerdict, type Verdict } from './verdict.ts'

/** What the witness saw against what is there, whatever the log says: acknowledged is there, and nothing is there twice. */
export function judgeAcknowledged(accounts: ReadonlyMap<string, Account>, log: readonly Logged[], stored: Stored): Verdict {
  const verdict = emptyVerdict()
  const logged = countsOf(log.map(({ key }) => key))
  const events = countsOf(
    stored.events.filter(isFromLog).map(({ message_id, mark }) => (message_id.startsWith('zhike-') ? mark : message_id)),
  )
  for (const [key, { item, sent, acknowledged }] of accounts) {
    const inLog = logged.get(key) ?? 0
    if (inLog < acknowledged) verdict.lost.push(`${key} was acknowledged ${acknowledged} times and is in the log ${inLog} times`)
    if (inLog > sent) verdict.duplicated.push(`${key} was sent ${sent} times and is in the log ${inLog} times`)
    const here = events.get(key) ?? 0
    const [least, most] = bounds({ item, sent, acknowledged })
    if (here < least) verdict.lost.push(`the event of ${key} (acknowledged ${acknowledged} times) is stored ${here} times`)
    if (here > most) verdict.duplicated.push(`the event of ${key} is stored ${here} times`)
  }
  for (const key of events.keys()) if (!accounts.has(key)) verdict.torn.push(`the stored event ${key} was never sent`)
  return verdict
}

/** A message with an id is one, however often it comes; one without is another each time. */
function bounds({ item, sent, acknowledged }: Account): [least: number, most: number] {
  if (item.fate !== 'taken') return [0, 0]
  const hasId = typeof item.message === 'object' && item.message !== null && 'messageId' in item.message
  return hasId ? [Math.min(acknowledged, 1), 1] : [acknowledged, sent]
}

export function countsOf<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}
