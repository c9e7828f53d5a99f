import type { IdentityFact } from './batch.ts'
import type { Head } from './load.ts'

/** What a fact with these identifiers came to. */
export interface FamiliarAnswer {
  leaf: number
  /** JSON text of UInt64 in decimal; the first one chose the leaf. */
  identifiers: string
  /** Of the fact that taught nothing, ms: an earlier one could still move when something was linked. */
  ts: number
}

/** Entries of one generation; two are kept. */
const generation = 60_000

/**
 * Sets of identifiers that came together and taught nothing: the same set teaches nothing again and goes to the same leaf, as long as nothing is
 * shared, taken off, blocked or disputed, and nobody else has changed identity. Most of what people do is said with identifiers that came together
 * many times before.
 */
export class Familiar {
  #young = new Map<Key, FamiliarAnswer>()
  #old = new Map<Key, FamiliarAnswer>()
  #writer = ''

  /** At the begin of a transaction that holds identity: forgets everything unless what was remembered last is what is stored. */
  begin({ writer }: Head): void {
    if (writer !== this.#writer) this.forget()
  }

  /** When the transaction has changed identity: if it fails, or somebody else comes between, the next one finds another writer. */
  end({ transaction }: Head): void {
    this.#writer = transaction
  }

  find(fact: IdentityFact): FamiliarAnswer | undefined {
    if (fact.operation) return undefined
    const key = keyOf(fact)
    const young = this.#young.get(key)
    const found = young ?? this.#old.get(key)
    if (!found || fact.ts < found.ts) return undefined
    if (!young) this.#keep(key, found)
    return found
  }

  add(fact: IdentityFact, answer: FamiliarAnswer): void {
    if (!fact.operation) this.#keep(keyOf(fact), answer)
  }

  forget(): void {
    this.#young.clear()
    this.#old.clear()
  }

  #keep(key: Key, answer: FamiliarAnswer): void {
    if (this.#young.size >= generation) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, answer)
  }
}

/** A frozen list stands for itself: whoever freezes it gives the same list for the same identifiers. */
type Key = string | IdentityFact['identifiers']

function keyOf({ identifiers }: IdentityFact): Key {
  if (Object.isFrozen(identifiers)) return identifiers
  let key = ''
  for (const { namespace, value } of identifiers) key += `${namespace}\0${value}\0`
  return key
}
