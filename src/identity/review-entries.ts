import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import { numbers } from '../store/sql-arrays.ts'
import { type MaskedIdentifier, maskedIdentifiers } from './masked.ts'

export const reviewKinds = ['conflict', 'hub', 'blocked-value'] as const
export const reviewStates = ['open', 'accepted', 'rejected', 'superseded'] as const

/** A question to a person, with what it is about. */
export interface ReviewEntry {
  id: number
  kind: (typeof reviewKinds)[number]
  state: (typeof reviewStates)[number]
  reason: string
  subject: MaskedIdentifier & { profile?: string }
  /** Whom it stands against. */
  opponent?: MaskedIdentifier & { profile?: string }
  evidence: ReviewEvidence
  count: number
  firstAt: string
  lastAt: string
  source: string
  decidedBy?: string
  decidedAt?: string
  note?: string
}

export interface ReviewEvidence {
  /** Events whose identifiers contradicted each other, latest first. */
  events: { identifiers: MaskedIdentifier[]; position: string; at: string; source: string; count: number }[]
  /** People that the identifier was seen with, where it is shared. */
  people: number
  /** Unrelated people that disputed it. */
  disputes: number
}

interface ReviewRow {
  id: number
  kind: ReviewEntry['kind']
  state: ReviewEntry['state']
  reason: string
  subject: string
  opponent: string
  subjectProfile: number | null
  opponentProfile: number | null
  people: number
  disputes: number
  count: number
  first_at: Date
  last_at: Date
  source: string
  decided_by: string | null
  decided_at: Date | null
  note: string | null
}

export interface ReviewFilter {
  state?: ReviewEntry['state'] | undefined
  kind?: ReviewEntry['kind'] | undefined
  limit: number
  /** Of the last page: where it ended. */
  after?: number | undefined
}

/** Open ones first, then the latest; `after` is an id of the same order. */
export function reviewEntries(db: Queryable, keys: Keys, { state, kind, limit, after }: ReviewFilter): Promise<ReviewEntry[]> {
  return read(
    db,
    keys,
    `($1::text is null or r.state = $1) and ($2::text is null or r.kind = $2)
       and ($3::bigint is null or (case when r.state = 'open' then 0 else 1 end, -r.id) >
         (select case when p.state = 'open' then 0 else 1 end, -p.id from identity_review p where p.id = $3))`,
    [state ?? null, kind ?? null, after ?? null],
    limit,
  )
}

export async function reviewEntry(db: Queryable, keys: Keys, id: number): Promise<ReviewEntry | undefined> {
  const [entry] = await read(db, keys, 'r.id = $1', [id], 1)
  return entry
}

const mostAboutOne = 100

/** Open ones about these identifiers. */
export function reviewEntriesAbout(db: Queryable, keys: Keys, hashes: readonly string[]): Promise<ReviewEntry[]> {
  return read(
    db,
    keys,
    `r.state = 'open' and (r.subject = any($1::bigint[]) or r.opponent = any($1::bigint[]))`,
    [numbers(hashes)],
    mostAboutOne,
  )
}

async function read(db: Queryable, keys: Keys, where: string, values: readonly unknown[], limit: number): Promise<ReviewEntry[]> {
  const rows = await db.query<ReviewRow>(
    `select r.id, r.kind, r.state, r.reason, r.subject::text, r.opponent::text, r.count, r.first_at, r.last_at, r.source, r.decided_by,
       r.decided_at, r.note, ls.root as "subjectProfile", lo.root as "opponentProfile",
       coalesce(cardinality(s.sharers) + 1, 0) as people, coalesce(cardinality(s.disputed), 0) as disputes
     from identity_review r
     left join identifiers i on i.hash = r.subject left join leaves ls on ls.leaf = i.leaf
     left join identifiers o on o.hash = r.opponent left join leaves lo on lo.leaf = o.leaf
     left join special_identifiers s on s.hash = r.subject
     where ${where} order by case when r.state = 'open' then 0 else 1 end, r.id desc limit ${limit}`,
    [...values],
  )
  const conflicts = await conflictsOf(db, rows)
  const masked = await maskedIdentifiers(db, keys, [
    ...rows.flatMap(({ subject, opponent }) => [subject, opponent]),
    ...[...conflicts.values()].flat().flatMap(({ hashes }) => hashes),
  ])
  return rows.map(row => entryOf(row, conflicts.get(row.id) ?? [], masked))
}

interface ConflictRow {
  id: number
  hashes: string[]
  position: number
  ts: Date
  source: string
  count: number
}

const eventsShown = 5

async function conflictsOf(db: Queryable, rows: readonly ReviewRow[]): Promise<Map<number, ConflictRow[]>> {
  const about = rows.filter(({ kind }) => kind !== 'hub')
  const found = await db.query<ConflictRow>(
    `select r.id, c.hashes::text[] as hashes, c.position, c.ts, c.source, c.count
     from unnest($1::bigint[], $2::bigint[], $3::bigint[]) r(id, subject, opponent)
     cross join lateral (
       select * from identity_conflicts c
       where c.hashes @> case when r.opponent = 0 then array[r.subject] else array[r.subject, r.opponent] end
       order by c.seq desc limit ${eventsShown}
     ) c`,
    [numbers(about.map(({ id }) => id)), numbers(about.map(({ subject }) => subject)), numbers(about.map(({ opponent }) => opponent))],
  )
  return Map.groupBy(found, ({ id }) => id)
}

function entryOf(row: ReviewRow, conflicts: readonly ConflictRow[], masked: (hash: string) => MaskedIdentifier): ReviewEntry {
  const { id, kind, state, reason, subject, opponent, subjectProfile, opponentProfile, people, disputes, count } = row
  return {
    id,
    kind,
    state,
    reason,
    subject: { ...masked(subject), ...(subjectProfile && { profile: `${subjectProfile}` }) },
    ...(opponent !== '0' && { opponent: { ...masked(opponent), ...(opponentProfile && { profile: `${opponentProfile}` }) } }),
    evidence: {
      events: conflicts.map(({ hashes, position, ts, source, count: times }) => ({
        identifiers: hashes.map(masked),
        position: `${position}`,
        at: ts.toISOString(),
        source,
        count: times,
      })),
      people,
      disputes,
    },
    count,
    firstAt: row.first_at.toISOString(),
    lastAt: row.last_at.toISOString(),
    source: row.source,
    ...(row.decided_by && { decidedBy: row.decided_by }),
    ...(row.decided_at && { decidedAt: row.decided_at.toISOString() }),
    ...(row.note && { note: row.note }),
  }
}
