import type { Queryable } from '../store/postgres.ts'

/** Who did what to what. Never personal data: subjects are ids and keys, details name fields and counts. */
export interface Act {
  who: string
  /** `key.create`, `dictionary.change` … */
  did: string
  what: string
  details?: Readonly<Record<string, unknown>>
}

/** Written in the transaction that does it. */
export async function audit(tx: Queryable, at: number, { who, did, what, details = {} }: Act): Promise<void> {
  await tx.query('insert into audit (at, who, did, what, details) values ($1, $2, $3, $4, $5)', [
    new Date(at),
    who,
    did,
    what,
    JSON.stringify(details),
  ])
}

export interface AuditEntry {
  id: number
  at: string
  who: string
  did: string
  what: string
  details: Record<string, unknown>
}

/** Newest first; `before` continues where the last page ended. */
export async function auditEntries(db: Queryable, limit: number, before?: number): Promise<AuditEntry[]> {
  const rows = await db.query<Omit<AuditEntry, 'at'> & { at: Date }>(
    'select id, at, who, did, what, details from audit where $2::bigint is null or id < $2 order by id desc limit $1',
    [limit, before ?? null],
  )
  return rows.map(row => ({ ...row, at: row.at.toISOString() }))
}
