import { newKey } from '../access/first-keys.ts'
import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import { announceChange, createSource, type Source, sourceNamed } from './sources.ts'

/** A key that lets a source send. It can only write, and stands in web pages for everybody to read. */
export interface WriteKey {
  /** Names the key without giving it away. */
  id: string
  key: string
  createdAt: number
  /** Until when it is taken; without it, until it is removed. */
  expiresAt?: number
}

/** What a key is found by: keyed, so that the table alone lets nobody in. */
export function writeKeyHash(keys: Keys, writeKey: string): Buffer {
  const { hash, rest } = keys.blindIndex('write-key', writeKey)
  const bytes = Buffer.alloc(16)
  bytes.writeBigInt64BE(hash, 0)
  bytes.writeBigInt64BE(rest, 8)
  return bytes
}

const sealedFor = (source: string) => `write-key ${source}`

interface WriteKeyRow {
  hash: Buffer
  sealed: Buffer
  created_at: Date
  expires_at: Date | null
}

/** The keys of a source that are taken, in the clear, the newest first. */
export async function writeKeysOf(db: Queryable, keys: Keys, source: string, now: number): Promise<WriteKey[]> {
  const rows = await db.query<WriteKeyRow>(
    'select hash, sealed, created_at, expires_at from write_keys where source = $1 and (expires_at is null or expires_at > $2) order by created_at desc, hash',
    [source, new Date(now)],
  )
  return rows.map(({ hash, sealed, created_at, expires_at }) => ({
    id: idOf(hash),
    key: keys.open(sealed, sealedFor(source)).toString(),
    createdAt: created_at.getTime(),
    ...(expires_at ? { expiresAt: expires_at.getTime() } : {}),
  }))
}

function idOf(hash: Buffer): string {
  return `wk_${hash.toString('hex', 0, 8)}`
}

/** @throws Refusal 409 when another source has this key */
export async function addWriteKey(tx: Queryable, keys: Keys, source: string, writeKey: string, now: number): Promise<void> {
  const hash = writeKeyHash(keys, writeKey)
  const made = await tx.query(
    'insert into write_keys (hash, source, sealed, created_at) values ($1, $2, $3, $4) on conflict do nothing returning hash',
    [hash, source, keys.seal(writeKey, sealedFor(source)), new Date(now)],
  )
  if (made.length === 0) throw new Refusal(409, 'write-key-taken', 'this write key belongs to a source already')
  await announceChange(tx)
}

/**
 * A new key beside the old ones, which are taken until `keepOldForMs` from now: time to put the new one everywhere.
 * @throws Refusal 404
 */
export async function rotateWriteKey(tx: Queryable, keys: Keys, source: string, keepOldForMs: number, now: number): Promise<string> {
  const writeKey = newKey('zw')
  await sourceNamed(tx, source)
  const until = new Date(now + keepOldForMs)
  await tx.query('update write_keys set expires_at = least(coalesce(expires_at, $2), $2) where source = $1', [source, until])
  await addWriteKey(tx, keys, source, writeKey, now)
  return writeKey
}

/**
 * The key is taken no more; it stays known, so that nothing brings it back.
 * @throws Refusal 404
 */
export async function removeWriteKey(tx: Queryable, source: string, id: string, now: number): Promise<void> {
  const rows = await tx.query<{ hash: Buffer }>(
    'select hash from write_keys where source = $1 and (expires_at is null or expires_at > $2)',
    [source, new Date(now)],
  )
  const found = rows.find(({ hash }) => idOf(hash) === id)
  if (!found) throw new Refusal(404, 'unknown-write-key', 'the source has no write key of this id')
  await tx.query('update write_keys set expires_at = $2 where hash = $1', [found.hash, new Date(now)])
  await announceChange(tx)
}

/** The source of the key that exists from the first start on: made with it, or given it. A key that was taken away stays away. */
export async function ensureSource(
  postgres: Postgres,
  keys: Keys,
  source: Pick<Source, 'key' | 'name' | 'kind'>,
  writeKey: string,
  now: number,
): Promise<void> {
  await postgres.transaction(async tx => {
    await tx.query('select pg_advisory_xact_lock($1)', [advisoryLock])
    const [seen] = await tx.query('select source from write_keys where hash = $1', [writeKeyHash(keys, writeKey)])
    if (seen) return
    const [known] = await tx.query('select key from sources where key = $1', [source.key])
    if (!known) await createSource(tx, { ...source, enabled: true, createdAt: now })
    await addWriteKey(tx, keys, source.key, writeKey, now)
  })
}

const advisoryLock = 7_204_521
