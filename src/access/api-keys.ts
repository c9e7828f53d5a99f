import { createHmac, randomBytes } from 'node:crypto'
import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import { audit } from './audit.ts'
import { type Caller, type Permission, permissions } from './caller.ts'
import { newKey } from './first-keys.ts'

export interface ApiKey {
  id: string
  name: string
  /** The beginning of its text. */
  hint: string
  permissions: Permission[]
  createdAt: string
  createdBy: string
  lastUsedAt: string | null
  revokedAt: string | null
}

interface ApiKeyRow {
  id: string
  name: string
  hash: Buffer
  hint: string
  permissions: Permission[]
  created_at: Date
  created_by: string
  last_used_at: Date | null
  revoked_at: Date | null
}

const keysAtMost = 1000
const noteEveryMs = 60_000

/**
 * The API keys of a deployment. Those in force are held in memory by their keyed hash, so a request costs one HMAC and no query, and a
 * comparison learns nothing: without the secret nobody can choose a hash. Another process's changes are seen at the next `reload`.
 */
export class ApiKeys {
  private readonly postgres: Postgres
  private readonly hashKey: Buffer
  private readonly now: () => number
  private readonly callers = new Map<string, Caller>()
  private readonly used = new Map<string, number>()
  private notedAt = 0

  constructor(postgres: Postgres, keys: Keys, now: () => number) {
    this.postgres = postgres
    this.hashKey = keys.derive('api-keys')
    this.now = now
  }

  /** Who holds the key; undefined when nobody does, or no longer. */
  callerOf(key: string): Caller | undefined {
    const caller = this.callers.get(this.hashOf(key).toString('hex'))
    if (caller) this.used.set(caller.id, this.now())
    return caller
  }

  /** Takes up what another process changed, and writes down from time to time when keys were used. */
  async reload(): Promise<void> {
    if (this.now() - this.notedAt >= noteEveryMs) await this.noteUse()
    const rows = await this.postgres.query<ApiKeyRow>('select * from api_keys where revoked_at is null')
    this.callers.clear()
    for (const { id, name, hash, permissions: granted } of rows)
      this.callers.set(hash.toString('hex'), { id, name, permissions: new Set(granted) })
  }

  /** At every start: the first key with every permission, unless it is there already, or was revoked. */
  async ensureFirst(key: string): Promise<void> {
    await this.postgres.transaction(tx =>
      this.insert(tx, key, { name: 'first key', permissions: [...permissions] }, 'start', 'on conflict (hash) do nothing'),
    )
    await this.reload()
  }

  /** The key's text is in this answer and nowhere else. */
  async create(asked: { name: string; permissions: readonly Permission[] }, by: Caller): Promise<ApiKey & { key: string }> {
    const beyond = asked.permissions.filter(permission => !by.permissions.has(permission))
    if (beyond.length > 0) throw new Refusal(403, 'not-permitted', `a key can only give what it has itself; it lacks ${beyond.join(', ')}`)
    const key = newKey('zk')
    const row = await this.postgres.transaction(async tx => {
      const [{ count } = { count: 0 }] = await tx.query<{ count: number }>(
        'select count(*) as count from api_keys where revoked_at is null',
      )
      if (count >= keysAtMost) throw new Refusal(409, 'too-many-keys', `there are ${keysAtMost} keys; revoke those that nobody uses`)
      return this.insert(tx, key, asked, by.id, '')
    })
    await this.reload()
    if (!row) throw new Error('a new key exists already')
    return { ...shown(row), key }
  }

  async list(): Promise<ApiKey[]> {
    await this.noteUse()
    return (await this.postgres.query<ApiKeyRow>('select * from api_keys order by created_at, id')).map(shown)
  }

  /** It opens nothing from now on here, and elsewhere at the next reload. */
  async revoke(id: string, by: Caller): Promise<void> {
    await this.postgres.transaction(async tx => {
      await tx.query('lock table api_keys in share row exclusive mode')
      const [row] = await tx.query<ApiKeyRow>('select * from api_keys where id = $1', [id])
      if (!row) throw new Refusal(404, 'no-such-key', 'there is no API key with this id; GET /api/keys lists them')
      if (row.revoked_at) return
      const [other] = await tx.query(
        "select 1 from api_keys where id <> $1 and revoked_at is null and 'admin' = any(permissions) limit 1",
        [id],
      )
      if (!other && row.permissions.includes('admin'))
        throw new Refusal(409, 'last-admin', 'this is the last key that may manage keys; create another first')
      await tx.query('update api_keys set revoked_at = $2, revoked_by = $3 where id = $1', [id, new Date(this.now()), by.id])
      await audit(tx, this.now(), { who: by.id, did: 'key.revoke', what: id })
    })
    await this.reload()
  }

  /** When keys were last used; kept in memory between calls, as it changes with every request. */
  async noteUse(): Promise<void> {
    this.notedAt = this.now()
    if (this.used.size === 0) return
    const used = [...this.used]
    this.used.clear()
    await this.postgres.query(
      `update api_keys set last_used_at = used.at
       from unnest($1::text[], $2::timestamptz[]) as used (id, at)
       where api_keys.id = used.id`,
      [used.map(([id]) => id), used.map(([, at]) => new Date(at))],
    )
  }

  private async insert(
    tx: Queryable,
    key: string,
    asked: { name: string; permissions: readonly Permission[] },
    by: string,
    conflict: string,
  ) {
    const id = `key_${randomBytes(9).toString('hex')}`
    const [row] = await tx.query<ApiKeyRow>(
      `insert into api_keys (id, name, hash, hint, permissions, created_at, created_by)
       values ($1, $2, $3, $4, $5, $6, $7) ${conflict}
       returning *`,
      [id, asked.name, this.hashOf(key), hintOf(key), [...asked.permissions], new Date(this.now()), by],
    )
    if (row) await audit(tx, this.now(), { who: by, did: 'key.create', what: id, details: { permissions: asked.permissions } })
    return row
  }

  private hashOf(key: string): Buffer {
    return createHmac('sha256', this.hashKey).update(key).digest()
  }
}

/** Enough to recognise a long key, little enough of a short one. */
function hintOf(key: string): string {
  return key.slice(0, Math.min(7, Math.floor(key.length / 4)))
}

function shown(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    hint: row.hint,
    permissions: row.permissions,
    createdAt: row.created_at.toISOString(),
    createdBy: row.created_by,
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
  }
}
