import type { Queryable } from '../store/postgres.ts'

export type Fate = 'accepted' | 'rejected' | 'deduplicated'

const hourMs = 3_600_000

type Count = { source: string; hour: number; lastAt: number } & Record<Fate, number>

/** Counts what became of the items of one batch, per source and hour of arrival. */
export class Tally {
  readonly #counts = new Map<string, Count>()
  #last: Count | undefined
  readonly total: Record<Fate, number> = { accepted: 0, rejected: 0, deduplicated: 0 }

  add(fate: Fate, source: string, receivedAt: number): void {
    const count = this.#countOf(source, receivedAt - (receivedAt % hourMs))
    count[fate] += 1
    count.lastAt = Math.max(count.lastAt, receivedAt)
    this.total[fate] += 1
  }

  #countOf(source: string, hour: number): Count {
    if (this.#last?.hour === hour && this.#last.source === source) return this.#last
    const key = `${hour} ${source}`
    this.#last = this.#counts.get(key) ?? { source, hour, lastAt: 0, accepted: 0, rejected: 0, deduplicated: 0 }
    this.#counts.set(key, this.#last)
    return this.#last
  }

  async save(tx: Queryable): Promise<void> {
    const counts = [...this.#counts.values()]
    if (counts.length === 0) return
    await tx.query(
      `insert into source_stats (source, hour, accepted, rejected, deduplicated, last_at)
       select source, to_timestamp(hour / 1000.0), accepted, rejected, deduplicated, to_timestamp(last_at / 1000.0)
       from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
         as counted(source, hour, accepted, rejected, deduplicated, last_at)
       on conflict (source, hour) do update set
         accepted = source_stats.accepted + excluded.accepted,
         rejected = source_stats.rejected + excluded.rejected,
         deduplicated = source_stats.deduplicated + excluded.deduplicated,
         last_at = greatest(source_stats.last_at, excluded.last_at)`,
      [
        counts.map(count => count.source),
        counts.map(count => count.hour),
        counts.map(count => count.accepted),
        counts.map(count => count.rejected),
        counts.map(count => count.deduplicated),
        counts.map(count => count.lastAt),
      ],
    )
  }
}

/** What a source sent lately. */
export interface SourceStats {
  accepted: number
  rejected: number
  deduplicated: number
  lastAt: string | null
  hours: { hour: string; accepted: number; rejected: number; deduplicated: number }[]
}

/** @param sinceMs hours that began before are left out of `hours`, not of the totals */
export async function sourceStats(db: Queryable, source: string, sinceMs: number): Promise<SourceStats> {
  const rows = await db.query<{ hour: Date; accepted: number; rejected: number; deduplicated: number; last_at: Date }>(
    'select hour, accepted, rejected, deduplicated, last_at from source_stats where source = $1 order by hour',
    [source],
  )
  const sum = (fate: Fate) => rows.reduce((total, row) => total + row[fate], 0)
  return {
    accepted: sum('accepted'),
    rejected: sum('rejected'),
    deduplicated: sum('deduplicated'),
    lastAt: rows.at(-1)?.last_at.toISOString() ?? null,
    hours: rows
      .filter(row => row.hour.getTime() >= sinceMs)
      .map(({ hour, accepted, rejected, deduplicated }) => ({ hour: hour.toISOString(), accepted, rejected, deduplicated })),
  }
}
