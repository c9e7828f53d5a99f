import type { Json } from '../collect/event.ts'
import { type IdentifierMark, profilesOfIdentifiers } from '../identity/find.ts'
import { Refusal } from '../refusal.ts'
import { together } from '../store/together.ts'
import { type KnownPerson, knownPeople, type PeopleParts, traitValues } from './read-many.ts'

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

/** What is derived of a person. */
type Portrait = Pick<ProfileView, 'tags' | 'audiences'>

export interface ProfileParts extends PeopleParts {
  /** The moment up to which everything acknowledged is part of what is read, ms. */
  asOf: () => number
  /** What is derived of several people; nothing is held of who is missing. @param sensitive whether the values of sensitive tags are shown */
  portraitsOf: (profiles: readonly number[], sensitive: boolean) => Promise<ReadonlyMap<number, Portrait>>
}

/** Reads people one at a time; those who are asked for at the same time come with the same statements. */
export interface ProfileReader extends ProfileParts {
  known(id: number): Promise<KnownPerson | undefined>
  portrait(asked: { profile: number; sensitive: boolean }): Promise<Portrait>
  /** The profile that answers for an identifier. */
  profileOf(identifier: { namespace: string; value: string }): Promise<number | undefined>
}

export function profileReader(parts: ProfileParts): ProfileReader {
  const { postgres, keys, namespaces, portraitsOf } = parts
  return {
    ...parts,
    known: together(ids => knownPeople(parts, ids)),
    profileOf: together(async identifiers => profilesOfIdentifiers(postgres, await namespaces(), keys, identifiers)),
    portrait: together(async asked => {
      const of = (sensitive: boolean) => asked.filter(one => one.sensitive === sensitive).map(({ profile }) => profile)
      const none: ReadonlyMap<number, Portrait> = new Map()
      const [open, all] = await Promise.all([false, true].map(one => (of(one).length === 0 ? none : portraitsOf(of(one), one))))
      return asked.map(({ profile, sensitive }) => (sensitive ? all : open)?.get(profile) ?? { tags: [], audiences: [] })
    }),
  }
}

/**
 * @param personal whether personal traits are shown in clear; otherwise enough to recognise, too little to use
 * @throws Refusal 404 where nobody has this id
 */
export async function readProfile(reader: ProfileReader, id: number, personal: boolean): Promise<ProfileView> {
  const asOf = new Date(reader.asOf()).toISOString()
  const person = await reader.known(id)
  if (!person) throw new Refusal(404, 'no-such-profile', 'There is no profile with this id.')
  const { tags, audiences } = await reader.portrait({ profile: person.root, sensitive: personal })
  return {
    id: `${person.root}`,
    identifiers: person.identifiers.map(({ namespace, masked, state, since }) => ({
      namespace,
      value: masked,
      state,
      since: new Date(since).toISOString(),
    })),
    traits: traitValues(reader, person, personal),
    tags,
    audiences,
    consents: person.consents,
    asOf,
  }
}

/** The profile that answers for an identifier. @throws Refusal 404 where it is nobody's */
export async function findProfile(reader: ProfileReader, namespace: string, value: string): Promise<number> {
  const found = await reader.profileOf({ namespace, value })
  if (found === undefined) throw new Refusal(404, 'no-such-profile', `Nobody is known by this ${namespace}.`)
  return found
}
