import type { Json } from '../collect/event.ts'
import { isTagTrait } from '../collect/tag-trait.ts'
import { type HeldIdentifier, identifiersOf, leavesOfMany } from '../identity/find.ts'
import type { NamespaceRules } from '../identity/namespace-rules.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import { type Candidate, valueAt, type Win } from './candidates.ts'
import { type Consent, latestConsents, leafConsents } from './consents.ts'
import { maskOf } from './mask.ts'
import { type LeafTraits, traitsOf } from './traits.ts'

/** What is needed to read people from PostgreSQL. */
export interface PeopleParts {
  postgres: Queryable
  keys: Keys
  namespaces: () => Promise<NamespaceRules>
  winOf: (trait: string) => Win
  /** Traits that are the state of a consent, with its purpose. */
  mirrors: () => ReadonlyMap<string, string>
  now: () => number
}

/** What is known of one person, besides what is derived. Not to be shown as it is. */
export interface KnownPerson {
  root: number
  /** Strongest first. */
  identifiers: HeldIdentifier[]
  leaves: LeafTraits[]
  consents: Consent[]
}

/** Several people in a few queries, in the order of the ids; undefined for an id that nobody has. */
export async function knownPeople(parts: PeopleParts, ids: readonly number[]): Promise<(KnownPerson | undefined)[]> {
  const { postgres, keys } = parts
  const leavesOf = await leavesOfMany(postgres, [...new Set(ids)])
  const leaves = [...new Set([...leavesOf.values()].flat())]
  const [identifiers, traits, consents] = await Promise.all([
    identifiersOf(postgres, await parts.namespaces(), keys, leaves),
    traitsOf(postgres, keys, leaves),
    leafConsents(postgres, leaves),
  ])
  const consentsOf = Map.groupBy(consents, ({ leaf }) => leaf)
  const byLeaf = Map.groupBy(
    identifiers.flatMap(one => one.places.map(place => ({ place, one }))),
    ({ place }) => place,
  )
  const orderOf = new Map(identifiers.map((one, index) => [one, index]))
  return ids.map(id => {
    const [root, ...others] = leavesOf.get(id) ?? []
    if (root === undefined) return undefined
    const own = [root, ...others]
    const held = new Set(own.flatMap(leaf => byLeaf.get(leaf)?.map(({ one }) => one) ?? []))
    return {
      root,
      identifiers: [...held].sort((a, b) => (orderOf.get(a) ?? 0) - (orderOf.get(b) ?? 0)),
      leaves: own.flatMap(leaf => traits.get(leaf) ?? []),
      consents: latestConsents(own.flatMap(leaf => consentsOf.get(leaf) ?? [])),
    }
  })
}

/** @param personal whether personal traits are in clear; otherwise enough to recognise, too little to use */
export function traitValues(
  { winOf, mirrors, now }: PeopleParts,
  { leaves, consents }: KnownPerson,
  personal: boolean,
): Record<string, Json> {
  const values = [
    ...valuesOf(leaves, 'traits', winOf, now()),
    ...valuesOf(leaves, 'personal', winOf, now()).map(([key, value]): [string, Json] => [key, personal ? value : maskOf(key, value)]),
  ]
  return mirrored(values, mirrors(), consents)
}

/** The traits by key, where those that mirror a consent are its state, whatever was sent under their key. */
function mirrored(
  traits: readonly (readonly [string, Json])[],
  mirrors: ReadonlyMap<string, string>,
  consents: readonly Consent[],
): Record<string, Json> {
  const states = [...mirrors].flatMap(([key, purpose]) => {
    const answer = consents.find(consent => consent.purpose === purpose)
    return answer ? [[key, answer.given] as const] : []
  })
  return Object.fromEntries([...traits.filter(([key]) => !mirrors.has(key)), ...states])
}

function valuesOf(leaves: readonly LeafTraits[], kind: 'traits' | 'personal', winOf: (key: string) => Win, now: number): [string, Json][] {
  const merged = new Map<string, Candidate[]>()
  for (const leaf of leaves)
    for (const [key, candidates] of leaf[kind]) if (!isTagTrait(key)) merged.set(key, [...(merged.get(key) ?? []), ...candidates])
  return [...merged]
    .flatMap(([key, candidates]): [string, Json][] => {
      const value = valueAt(candidates, winOf(key), now)
      return value ? [[key, value[1]]] : []
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
}
