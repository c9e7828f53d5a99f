import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import type { ProfileFact } from './facts.ts'

/** Keeps what proves a consent: the text version, the channel, whatever the sender gave. Sealed, because it may name the person. */
export async function saveConsentProofs(tx: Queryable, keys: Keys, facts: readonly ProfileFact[]): Promise<void> {
  const proofs = facts.flatMap(({ position, leaf, event }) => event.consents.map(consent => ({ ...consent, position, leaf, event })))
  if (proofs.length === 0) return
  await tx.query(
    `insert into consent_proofs (position, purpose, leaf, given, ts, source, proof)
     select position, purpose, leaf, given, to_timestamp(ts / 1000.0), source, proof
     from unnest($1::bigint[], $2::text[], $3::bigint[], $4::boolean[], $5::bigint[], $6::text[], $7::bytea[])
       as given(position, purpose, leaf, given, ts, source, proof)
     on conflict do nothing`,
    [
      proofs.map(one => one.position),
      proofs.map(one => one.purpose),
      proofs.map(one => one.leaf),
      proofs.map(one => one.given),
      proofs.map(one => one.event.ts),
      proofs.map(one => one.event.source),
      proofs.map(one => (one.proof ? keys.seal(JSON.stringify(one.proof), `consent:${one.position}:${one.purpose}`) : null)),
    ],
  )
}

/** An answer for a purpose, as one leaf last gave it. */
export interface LeafConsent {
  leaf: number
  purpose: string
  given: boolean
  ts: Date
  position: number
}

export interface Consent {
  purpose: string
  given: boolean
  since: string
}

/** The consents of a person. */
export async function consentsOf(db: Queryable, leaves: readonly number[]): Promise<Consent[]> {
  return latestConsents(await leafConsents(db, leaves))
}

export async function leafConsents(db: Queryable, leaves: readonly number[]): Promise<LeafConsent[]> {
  return db.query<LeafConsent>(
    `select distinct on (leaf, purpose) leaf, purpose, given, ts, position
     from consent_proofs where leaf = any($1::bigint[]) order by leaf, purpose, ts desc, position desc`,
    [leaves],
  )
}

/** The latest answer per purpose, by (ts, position). */
export function latestConsents(answers: readonly LeafConsent[]): Consent[] {
  const latest = answers.toSorted((a, b) => b.ts.getTime() - a.ts.getTime() || b.position - a.position)
  return [...Map.groupBy(latest, ({ purpose }) => purpose)]
    .flatMap(([purpose, [first]]) => (first ? { purpose, given: first.given, since: first.ts.toISOString() } : []))
    .sort((a, b) => (a.purpose < b.purpose ? -1 : 1))
}
