import type { Json } from '../collect/event.ts'
import { isTagTrait } from '../collect/tag-trait.ts'
import { findIdentifier, type IdentifierMark, identifiersOf, leavesOf } from '../identity/find.ts'
import type { NamespaceRules } from '../identity/namespace-rules.ts'
import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import type { Queryable } from '../store/postgres.ts'
import { type Candidate, valueAt, type Win } from './candidates.ts'
import { consentsOf } from './consents.ts'
import { maskOf } from './mask.ts'
import { type LeafTraits, traitsOf } from './traits.ts'

/** A person as the API shows them. */
export interface ProfileView {
  id: string
  identifiers: { namespace: string; value: string; state: IdentifierMark; since: string }[]
  traits: Record<string, Json>
  tags: { key: string; value: Json; score: number; since: string }[]
  audiences: string[]
  consents: { purpose: string; given: boolean; since: string }[]
  asOf: string
}

export interface ProfileReader {
  postgres: Queryable
  keys: Keys
  namespaces: () => Promise<NamespaceRules>
  winOf: (trait: string) => Win
  /** Traits that are the state of a consent, with its purpose. */
  mirrors: () => ReadonlyMap<string, string>
  now: () => number
  /** The moment up to which everything acknowledged is part of what is read, ms. */
  asOf: () => number
  /** What is derived of a person. @param sensitive whether the values of sensitive tags are shown */
  portraitOf: (profile: number, sensitive: boolean) => Promise<Pick<ProfileView, 'tags' | 'audiences'>>
}

/**
 * @param personal whether personal traits are shown in clear; otherwise enough to recognise, too little to use
 * @throws Refusal 404 where nobody has this id
 */
export async function readProfile(reader: ProfileReader, id: number, personal: boolean): Promise<ProfileView> {
  const { postgres, keys, winOf, now } = reader
  const leaves = await leavesOf(postgres, id)
  const [root] = leaves
  if (root === undefined) throw new Refusal(404, 'no-such-profile', 'There is no profile with this id.')
  const asOf = new Date(reader.asOf()).toISOString()
  const [identifiers, known, consents, { tags, audiences }] = await Promise.all([
    identifiersOf(postgres, await reader.namespaces(), keys, leaves),
    traitsOf(postgres, keys, leaves),
    consentsOf(postgres, leaves),
    reader.portraitOf(root, personal),
  ])
  const together = [...known.values()]
  return {
    id: `${root}`,
    identifiers: identifiers.map(({ namespace, masked, state, since }) => ({
      namespace,
      value: masked,
      state,
      since: new Date(since).toISOString(),
    })),
    traits: mirrored(
      [
        ...valuesOf(together, 'traits', winOf, now()),
        ...valuesOf(together, 'personal', winOf, now()).map(([key, value]): [string, Json] => [key, personal ? value : maskOf(key, value)]),
      ],
      reader.mirrors(),
      consents,
    ),
    tags,
    audiences,
    consents,
    asOf,
  }
}

/** The profile that answers for an identifier. @throws Refusal 404 where it is nobody's */
export async function findProfile(reader: ProfileReader, namespace: string, value: string): Promise<number> {
  const found = await findIdentifier(reader.postgres, await reader.namespaces(), reader.keys, { namespace, value })
  if (!found) throw new Refusal(404, 'no-such-profile', `Nobody is known by this ${namespace}.`)
  return found.profile
}

/** The traits by key, where those that mirror a consent are its state, whatever was sent under their key. */
export function mirrored(
  traits: readonly (readonly [string, Json])[],
  mirrors: ReadonlyMap<string, string>,
  consents: ProfileView['consents'],
): Record<string, Json> {
  const states = [...mirrors].flatMap(([key, purpose]) => {
    const answer = consents.find(consent => consent.purpose === purpose)
    return answer ? [[key, answer.given] as const] : []
  })
  return Object.fromEntries([...traits.filter(([key]) => !mirrors.has(key)), ...states])
}

/** The value of each trait at `now`, of the leaves of one person. */
export function valuesOf(
  leaves: readonly LeafTraits[],
  kind: 'traits' | 'personal',
  winOf: (key: string) => Win,
  now: number,
): [string, Json][] {
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
