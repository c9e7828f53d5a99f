import type { Postgres, Queryable } from '../store/postgres.ts'

/** Another worker has taken the partition over: what this one decides counts no more. */
export class LeaseLost extends Error {
  override name = 'LeaseLost'
}

/** The right to process a partition. The fence grows with every owner, so a late one cannot commit. */
export interface Lease {
  partition: number
  fence: number
}

export const leaseMs = 30_000

/** Takes the partition if it is free, expired or was this owner's. Undefined while another worker holds it. */
export async function acquireLease(db: Postgres, partition: number, owner: string, now: number): Promise<Lease | undefined> {
  const [row] = await db.query<{ fence: number }>(
    `insert into partitions (partition, owner, fence, expires_at) values ($1, $2, 1, to_timestamp($3 / 1000.0))
     on conflict (partition) do update set owner = $2, fence = partitions.fence + 1, expires_at = to_timestamp($3 / 1000.0)
     where partitions.owner = $2 or partitions.expires_at < to_timestamp($4 / 1000.0)
     returning fence`,
    [partition, owner, now + leaseMs, now],
  )
  return row && { partition, fence: row.fence }
}

/** Locks the partition for this transaction, extends the lease, and says what is read next. */
export async function holdLease(tx: Queryable, lease: Lease, now: number): Promise<number> {
  const [row] = await tx.query<{ next_offset: number }>(
    `update partitions set expires_at = to_timestamp($3 / 1000.0) where partition = $1 and fence = $2 returning next_offset`,
    [lease.partition, lease.fence, now + leaseMs],
  )
  if (!row) throw new LeaseLost(`partition ${lease.partition} was taken over by another worker`)
  return row.next_offset
}

export async function advance(tx: Queryable, lease: Lease, nextOffset: number): Promise<void> {
  await tx.query('update partitions set next_offset = $2 where partition = $1', [lease.partition, nextOffset])
}

/** Gives the partition back, so that the next owner need not wait for the lease to expire. */
export async function releaseLease(db: Queryable, lease: Lease): Promise<void> {
  await db.query(`update partitions set expires_at = 'epoch' where partition = $1 and fence = $2`, [lease.partition, lease.fence])
}

/** Per partition the offset before which everything has been decided: what a log may never give out again. */
export async function decidedOffsets(db: Queryable): Promise<Map<number, number>> {
  const rows = await db.query<{ partition: number; next_offset: number }>('select partition, next_offset from partitions')
  return new Map(rows.map(({ partition, next_offset }) => [partition, next_offset]))
}
