import { saveRejected } from '../collect/rejected.ts'
import type { Dictionary } from '../dictionary/dictionary.ts'
import { facetKeysOf, facetsOf } from '../dictionary/facets.ts'
import type { Marks } from '../dictionary/marks.ts'
import { hiddenTrait, isPersonalTrait, redact } from '../dictionary/personal.ts'
import type { IdentityReader } from '../identity/read.ts'
import type { Identity } from '../identity/resolve.ts'
import type { Keys } from '../privacy/keys.ts'
import { applyToProfiles } from '../profiles/facts.ts'
import type { Domains } from './decide.ts'
import type { TraitRows } from './rows.ts'

export interface DomainParts {
  keys: Keys
  identity: Identity
  /** Reads identifiers without learning from them. */
  identities: IdentityReader
  dictionary: Dictionary
  now: () => number
}

/** The domains as the pipeline uses them. */
export function domainsOf({ keys, identity, identities, dictionary, now }: DomainParts): Domains & { traitRows: TraitRows } {
  const marks = (): Marks => dictionary.marks()
  return {
    redact: event => redact(event, keys.blindIndex, marks()),
    look: event => dictionary.observer.look(event),
    listsIn: event => dictionary.lists.newIn(event.props),
    identifiersOf: (db, events, leaves) =>
      identities.hashesOf(
        db,
        // As `resolve` reads them.
        events.map(({ identifiers, operation }) => (operation?.kind === 'alias' ? [...identifiers, operation.previous] : identifiers)),
        leaves,
      ),
    async resolve(tx, events) {
      return (await identity.resolve(tx, events)).facts
    },
    async applyToProfiles(tx, facts) {
      await applyToProfiles(tx, keys, facts, key => isPersonalTrait(key, marks()), now())
    },
    async observe(tx, facts) {
      for (const { event } of facts) dictionary.observer.accept(event.sighting, event.traits, event.receivedAt)
      await dictionary.observer.flushIfDue(tx)
      await dictionary.lists.note(
        tx,
        facts.flatMap(({ event }) => event.lists),
      )
    },
    saveRejected: (tx, rejected) => saveRejected(tx, keys, rejected),
    traitRows(change) {
      const { key } = change
      const value = change.op === 'set' ? change.value : null
      if (!isPersonalTrait(key, marks())) return [[key, value]]
      if (value === null) return [key, ...facetKeysOf(key)].map(name => [name, null] as const)
      const facets = facetsOf(key, value)
      return [[key, hiddenTrait(key, value, keys.blindIndex)], ...facetKeysOf(key).map(name => [name, facets[name] ?? null] as const)]
    },
  }
}
