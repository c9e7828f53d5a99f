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

/** The consents of a person: the latest answer per purpose, by (ts, position). */
export async function consentsOf(db: Queryable, leaves: readonly number[]): Promise<{ purpose: string; given: boolean; since: string }[]> {
  const rows = await db.query<{ purpose: string; given: boolean; ts: Date }>(
    `select distinct on (purpose) purpose, given, ts from consent_proofs where leaf = any($1::bigint[]) order by purpose, ts desc, position desc`,
    [leaves],
  )
  return rows.map(({ purpose, given, ts }) => ({ purpose, given, since: ts.toISOString() }))
}
