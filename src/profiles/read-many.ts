import type { Json } from '../collect/event.ts'
import { type HeldIdentifier, identifiersOf, leavesOfRoots } from '../identity/find.ts'
import type { Queryable } from '../store/postgres.ts'
import { maskOf } from './mask.ts'
import { mirrored, type ProfileReader, valuesOf } from './read.ts'
import { traitsOf } from './traits.ts'

/** What is known of one of many people, besides what is derived. */
export interface KnownPerson {
  id: number
  /** Those that link, strongest first; in clear where the reader may see that. */
  identifiers: { namespace: string; value: string }[]
  traits: Record<string, Json>
}

/** Several profiles in a few queries, in the order of their ids; whoever was merged away meanwhile is left out. @param personal as in `readProfile` */
export async function readProfiles(reader: ProfileReader, profiles: readonly number[], personal: boolean): Promise<KnownPerson[]> {
  const { postgres, keys, winOf, now } = reader
  const leavesOf = await leavesOfRoots(postgres, profiles)
  const leaves = [...leavesOf.values()].flat()
  const [identifiers, traits, consents] = await Promise.all([
    identifiersOf(postgres, await reader.namespaces(), keys, leaves),
    traitsOf(postgres, keys, leaves),
    reader.mirrors().size === 0 ? [] : consentsByLeaf(postgres, leaves),
  ])
  const byLeaf = { identifiers: Map.groupBy(identifiers, one => one.leaf), consents: Map.groupBy(consents, one => one.leaf) }
  const shown = ({ namespace, clear, masked }: HeldIdentifier) => ({ namespace, value: personal ? clear : masked })
  return profiles.flatMap(id => {
    const own = leavesOf.get(id)
    if (!own) return []
    const known = own.flatMap(leaf => traits.get(leaf) ?? [])
    const values = [
      ...valuesOf(known, 'traits', winOf, now()),
      ...valuesOf(known, 'personal', winOf, now()).map(([key, value]): [string, Json] => [key, personal ? value : maskOf(key, value)]),
    ]
    const given = own.flatMap(leaf => byLeaf.consents.get(leaf) ?? []).sort((a, b) => b.ts - a.ts || b.position - a.position)
    return {
      id,
      identifiers: own
        .flatMap(leaf => byLeaf.identifiers.get(leaf) ?? [])
        .filter(({ state }) => state === 'linked')
        .map(shown),
      traits: mirrored(
        values,
        reader.mirrors(),
        given.map(one => ({ purpose: one.purpose, given: one.given, since: '' })),
      ),
    }
  })
}

async function consentsByLeaf(db: Queryable, leaves: readonly number[]) {
  return db.query<{ leaf: number; purpose: string; given: boolean; ts: number; position: number }>(
    `select distinct on (leaf, purpose) leaf, purpose, given, (extract(epoch from ts) * 1000)::float8 as ts, position
     from consent_proofs where leaf = any($1::bigint[]) order by leaf, purpose, consent_proofs.ts desc, position desc`,
    [leaves],
  )
}
