import type { Sql } from './binder.ts'

/** Names for expressions over one row of facts that many aggregates use: each stands once in a pass, in its `with`. */
export class RowNames {
  readonly #expressions: Sql[] = []

  /** The same expression has the same name. */
  name(expression: Sql): Sql {
    const known = this.#expressions.indexOf(expression)
    return `w${known >= 0 ? known : this.#expressions.push(expression) - 1}`
  }

  /** The `with` of a select whose text uses some of the names; empty where it uses none. */
  with(text: Sql): Sql {
    const used = new Set(namesIn(text))
    // What a name stands for may use others, which have lower numbers.
    for (const place of used) for (const inner of namesIn(this.#expressions[place] ?? '')) used.add(inner)
    const ordered = [...used].sort((a, b) => a - b)
    return ordered.length === 0 ? '' : `with ${ordered.map(place => `${this.#expressions[place]} as w${place}`).join(', ')}`
  }
}

function namesIn(text: Sql): number[] {
  return [...text.matchAll(/\bw(\d+)\b/g)].map(([, place]) => Number(place))
}
