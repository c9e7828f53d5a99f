import { randomBytes } from 'node:crypto'
import { audit } from '../access/audit.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import { lastChange } from './changes.ts'

/** A receiver of changes, as the API shows it. */
export interface Webhook {
  key: string
  url: string
  definitions: string[] | null
  state: 'active' | 'dead'
  /** The last change that was delivered, or is none of its. */
  cursor: number
  failures: number
  lastError: string | null
  deliveredAt: string | null
  nextAt: string
}

interface Row {
  key: string
  url: string
  definitions: string[] | null
  state: 'active' | 'dead'
  cursor: number
  failures: number
  last_error: string | null
  delivered_at: Date | null
  next_at: Date
}

const columns = 'key, url, definitions, state, cursor, failures, last_error, delivered_at, next_at'

export async function webhooksIn(db: Queryable): Promise<Webhook[]> {
  return (await db.query<Row>(`select ${columns} from webhooks order by key`)).map(shown)
}

export async function webhookOf(db: Queryable, key: string): Promise<Webhook | undefined> {
  const [row] = await db.query<Row>(`select ${columns} from webhooks where key = $1`, [key])
  return row && shown(row)
}

export interface WebhookChange {
  url: string
  definitions?: readonly string[] | undefined
  /** Without it the known one is kept, or a new one made. */
  secret?: string | undefined
}

/**
 * A new one is told of what is decided from now on. Another address takes up where the last stood, and a dead one lives again.
 * @returns the secret where it was made here
 */
export async function saveWebhook(
  postgres: Postgres,
  keys: Keys,
  key: string,
  { url, definitions, secret }: WebhookChange,
  by: string,
  now: number,
): Promise<string | undefined> {
  return postgres.transaction(async tx => {
    const [known] = await tx.query<{ secret: Buffer }>('select secret from webhooks where key = $1 for update', [key])
    const made = secret === undefined && !known ? randomBytes(32).toString('hex') : undefined
    const given = secret ?? made
    const sealed = given === undefined ? known?.secret : keys.seal(given, secretContext(key))
    await tx.query(
      `insert into webhooks (key, url, secret, definitions, cursor, next_at, updated_at, updated_by) values ($1, $2, $3, $4, $5, $6, $6, $7)
       on conflict (key) do update set url = excluded.url, secret = excluded.secret, definitions = excluded.definitions, state = 'active',
         failures = 0, last_error = null, next_at = excluded.next_at, claim = webhooks.claim + 1, claimed_until = 'epoch',
         updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
      [key, url, sealed, definitions ?? null, await lastChange(tx), new Date(now), by],
    )
    await audit(tx, now, { who: by, did: `webhook.${known ? 'change' : 'create'}`, what: `webhook:${key}` })
    return made
  })
}

/** @returns whether there was one */
export async function removeWebhook(postgres: Postgres, key: string, by: string, now: number): Promise<boolean> {
  return postgres.transaction(async tx => {
    const gone = await tx.query('delete from webhooks where key = $1 returning key', [key])
    if (gone.length > 0) await audit(tx, now, { who: by, did: 'webhook.delete', what: `webhook:${key}` })
    return gone.length > 0
  })
}

export function secretContext(key: string): string {
  return `webhook:${key}`
}

function shown({ last_error, delivered_at, next_at, ...row }: Row): Webhook {
  return { ...row, lastError: last_error, deliveredAt: delivered_at?.toISOString() ?? null, nextAt: next_at.toISOString() }
}
