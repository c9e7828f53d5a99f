import type { Postgres, Queryable } from '../../store/postgres.ts'
import { LeaseLost, leaseMs } from '../lease.ts'

/** The right to decide ticks. The fence grows with every owner, so a late one cannot commit. */
export async function acquireEvaluation(db: Postgres, owner: string, now: number): Promise<number | undefined> {
  const [row] = await db.query<{ fence: number }>(
    `update evaluation_head set owner = $1, fence = fence + 1, expires_at = to_timestamp($2 / 1000.0)
     where owner = $1 or expires_at < to_timestamp($3 / 1000.0) returning fence`,
    [owner, now + leaseMs, now],
  )
  return row?.fence
}

/** Locks the head for this transaction, extends the lease, and gives the tick its number. @throws LeaseLost */
export async function nextTick(tx: Queryable, fence: number, now: number): Promise<number> {
  const [row] = await tx.query<{ tick: number }>(
    'update evaluation_head set tick = tick + 1, expires_at = to_timestamp($2 / 1000.0) where fence = $1 returning tick',
    [fence, now + leaseMs],
  )
  if (!row) throw new LeaseLost('another process evaluates now')
  return row.tick
}

/** The last tick that was decided; there is no other until the transaction ends. @throws LeaseLost */
export async function lastTick(tx: Queryable, fence: number): Promise<number> {
  const [row] = await tx.query<{ tick: number }>('select tick from evaluation_head where fence = $1 for update', [fence])
  if (!row) throw new LeaseLost('another process evaluates now')
  return row.tick
}

export async function extendEvaluation(db: Queryable, fence: number, now: number): Promise<void> {
  const rows = await db.query('update evaluation_head set expires_at = to_timestamp($2 / 1000.0) where fence = $1 returning tick', [
    fence,
    now + leaseMs,
  ])
  if (rows.length === 0) throw new LeaseLost('another process evaluates now')
}

export async function releaseEvaluation(db: Queryable, fence: number): Promise<void> {
  await db.query(`update evaluation_head set expires_at = 'epoch' where fence = $1`, [fence])
}
