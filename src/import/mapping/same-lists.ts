import type { Identifier } from '../../collect/event.ts'

/** Lists of one generation; two are kept. */
const generation = 50_000

/**
 * Lists of identifiers, the same frozen list for the same values: a person stands in many rows of a file, and rows that wait hold little then.
 * Identity knows a list again by itself.
 */
export class SameLists {
  readonly #namespaces: readonly (readonly string[])[]
  #young = new Map<string, Identifier[]>()
  #old = new Map<string, Identifier[]>()

  /** @param namespaces of each value */
  constructor(namespaces: readonly (readonly string[])[]) {
    this.#namespaces = namespaces
  }

  /** @param values one for each entry of the namespaces, undefined where there is none */
  of(values: readonly (string | undefined)[]): Identifier[] {
    let key = ''
    for (const value of values) key += value === undefined ? '-' : `${value.length} ${value}`
    const young = this.#young.get(key)
    if (young) return young
    const list = this.#old.get(key) ?? this.#made(values)
    if (this.#young.size >= generation) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, list)
    return list
  }

  #made(values: readonly (string | undefined)[]): Identifier[] {
    const list = values.flatMap((value, index) =>
      value === undefined ? [] : (this.#namespaces[index] ?? []).map(namespace => ({ namespace, value })),
    )
    return Object.freeze(list) as Identifier[]
  }
}
