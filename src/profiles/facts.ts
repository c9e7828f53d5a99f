import type { CanonicalEvent } from '../collect/event.ts'
import type { Position } from '../log/position.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import { saveConsentProofs } from './consents.ts'
import { applyTraits } from './traits.ts'

/** An event whose leaf is known. */
export interface ProfileFact {
  position: Position
  leaf: number
  event: Pick<CanonicalEvent, 'ts' | 'source' | 'traits' | 'consents'>
}

/** Makes traits and consents part of the profiles, in the transaction that decides the facts. */
export async function applyToProfiles(
  tx: Queryable,
  keys: Keys,
  facts: readonly ProfileFact[],
  isPersonal: (key: string, value: unknown) => boolean,
  now: number,
): Promise<void> {
  const changes = facts.flatMap(({ position, leaf, event }) =>
    event.traits.map(change => {
      const value = change.op === 'set' ? change.value : null
      return { leaf, key: change.key, value, source: event.source, ts: event.ts, position, personal: isPersonal(change.key, value) }
    }),
  )
  await applyTraits(tx, keys, changes, now)
  await saveConsentProofs(tx, keys, facts)
}
