import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Keys } from '../privacy/keys.ts'
import type { Postgres } from '../store/postgres.ts'
import { changesAfter, lastChange } from './changes.ts'
import { type OutboundOutcome, type OutboundRules, post } from './outbound.ts'
import { secretContext } from './webhooks.ts'

export interface DeliveryParts {
  postgres: Postgres
  keys: Keys
  rules: OutboundRules
  log: Logger
  now: () => number
}

interface Claimed {
  key: string
  url: string
  secret: Buffer
  definitions: string[] | null
  cursor: number
  failures: number
  claim: number
}

const everyMs = 200
const changesAtOnce = 100
const claimMs = 30_000
const firstRetryMs = 1_000
const lastRetryMs = 3_600_000
/** Without an answer for so many tries, about a day, nobody listens there any more. */
export const failuresAtMost = 30

/** Delivers what waits until the signal; several processes take turns by claiming a receiver. */
export async function deliverWebhooks(parts: DeliveryParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const delivered = await deliverOnce(parts, signal).catch(error => {
      parts.log.error({ err: error }, 'webhooks could not be delivered; it is tried again')
      return 0
    })
    if (delivered === 0) await sleep(everyMs, undefined, { signal }).catch(() => undefined)
  }
}

/** One delivery to every receiver for whom something waits. @returns how many were tried */
export async function deliverOnce(parts: DeliveryParts, stopping?: AbortSignal): Promise<number> {
  const { postgres, now } = parts
  const seen = await lastChange(postgres)
  const claimed = await postgres.query<Claimed>(
    `update webhooks set claim = claim + 1, claimed_until = $2
     where key in (select key from webhooks where state = 'active' and next_at <= $1 and claimed_until <= $1 and cursor < $3 for update skip locked)
     returning key, url, secret, definitions, cursor, failures, claim`,
    [new Date(now()), new Date(now() + claimMs), seen],
  )
  await Promise.all(claimed.map(one => deliverTo(parts, one, seen, stopping)))
  return claimed.length
}

async function deliverTo(
  { postgres, keys, rules, now }: DeliveryParts,
  webhook: Claimed,
  seen: number,
  stopping?: AbortSignal,
): Promise<void> {
  const filter = { definitions: webhook.definitions ?? undefined, sensitive: false }
  const changes = await changesAfter(postgres, webhook.cursor, filter, changesAtOnce)
  // Nothing of it is passed over: what was there before is either among these, or none of its.
  const cursor = changes.length === changesAtOnce ? (changes.at(-1)?.id ?? seen) : Math.max(seen, changes.at(-1)?.id ?? 0)
  if (changes.length === 0) return settle(postgres, webhook, { cursor, failures: webhook.failures, at: now() })
  const body = JSON.stringify({ webhook: webhook.key, changes })
  const secret = keys.open(webhook.secret, secretContext(webhook.key)).toString()
  const outcome = await post(webhook.url, body, headersFor(body, secret, `${changes[0]?.id}-${changes.at(-1)?.id}`, now()), rules, stopping)
  // Whether it arrived is not known: it is sent again at the next start.
  if (stopping?.aborted) return
  if ('status' in outcome && outcome.status >= 200 && outcome.status < 300)
    return settle(postgres, webhook, { cursor, failures: 0, at: now(), deliveredAt: now() })
  const failures = webhook.failures + 1
  const isDead = failures >= failuresAtMost || ('status' in outcome && outcome.status === 410)
  await settle(postgres, webhook, {
    cursor: webhook.cursor,
    failures,
    error: wordsOf(outcome),
    at: now() + Math.min(lastRetryMs, firstRetryMs * 2 ** (failures - 1)),
    state: isDead ? 'dead' : 'active',
  })
}

/** The receiver computes the same over `t.body` with its secret, and refuses what is old. */
export function headersFor(body: string, secret: string, delivery: string, now: number): Record<string, string> {
  const seconds = Math.floor(now / 1000)
  const signature = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return { 'x-zhike-signature': `t=${seconds},v1=${signature}`, 'x-zhike-delivery': delivery }
}

function wordsOf(outcome: OutboundOutcome): string {
  if ('status' in outcome) return `answered ${outcome.status}`
  return 'refused' in outcome ? `not sent: ${outcome.refused}` : `no answer: ${outcome.failed}`
}

interface Settled {
  cursor: number
  failures: number
  /** When it is tried next, ms. */
  at: number
  deliveredAt?: number
  error?: string
  state?: 'active' | 'dead'
}

/** Nothing where it was changed, or claimed by another, meanwhile. */
async function settle(
  postgres: Postgres,
  { key, claim }: Claimed,
  { cursor, failures, at, deliveredAt, error, state = 'active' }: Settled,
): Promise<void> {
  await postgres.query(
    `update webhooks set cursor = $3, failures = $4, next_at = $5, delivered_at = coalesce($6, delivered_at), last_error = $7, state = $8, claimed_until = 'epoch'
     where key = $1 and claim = $2`,
    [key, claim, cursor, failures, new Date(at), deliveredAt === undefined ? null : new Date(deliveredAt), error ?? null, state],
  )
}
