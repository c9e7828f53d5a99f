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
const generation = 80_000

/**
 * Sets of identifiers that came together and taught nothing: the same set teaches nothing again and goes to the same leaf, as long as nothing is
 * shared, taken off, blocked or disputed, and nobody else has changed identity. Most of what people do is said with identifiers that came together
 * many times before.
 */
export class Familiar {
  #young = new Map<string, FamiliarAnswer>()
  #old = new Map<string, FamiliarAnswer>()
  #seq = -1
  #namespacesVersion = -1

  /** At the begin of a transaction that holds identity: forgets everything when somebody else, or a transaction that failed, was here since. */
  begin({ seq, namespacesVersion }: Head): void {
    if (seq !== this.#seq || namespacesVersion !== this.#namespacesVersion) this.forget()
    this.#namespacesVersion = namespacesVersion
  }

  /** At its end. @param seq as it is stored then */
  end(seq: number): void {
    this.#seq = seq
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

  #keep(key: string, answer: FamiliarAnswer): void {
    if (this.#young.size >= generation) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, answer)
  }
}

function keyOf({ identifiers }: IdentityFact): string {
  let key = ''
  for (const { namespace, value } of identifiers) key += `${namespace}\0${value}\0`
  return key
}
