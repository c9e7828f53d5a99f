import { Refusal } from '../../refusal.ts'
import { limits } from '../parse.ts'

/** A piece of SQL. Only this folder and the kinds write it, and no value ever stands in it: values go through a `Binder`. */
export type Sql = string

/** Collects the values of one statement: a few typed arrays, of which the text names an element. */
export class Binder {
  readonly #texts: string[] = []
  readonly #numbers: number[] = []
  readonly #moments: number[] = []
  readonly #names: string[] = []

  text(value: string): Sql {
    return `{s:Array(String)}[${placeIn(this.#texts, value)}]`
  }

  number(value: number): Sql {
    return `{f:Array(Float64)}[${placeIn(this.#numbers, value)}]`
  }

  /** A whole number: milliseconds, months, lengths. */
  whole(value: number): Sql {
    return `{i:Array(Int64)}[${placeIn(this.#moments, Math.trunc(value))}]`
  }

  texts(values: readonly string[]): Sql {
    return `arraySlice({s:Array(String)}, ${this.#texts.push(...values) - values.length + 1}, ${values.length})`
  }

  numbers(values: readonly number[]): Sql {
    return `arraySlice({f:Array(Float64)}, ${this.#numbers.push(...values) - values.length + 1}, ${values.length})`
  }

  /** A key inside a JSON column. */
  name(key: string): Sql {
    const place = placeIn(this.#names, key)
    if (place > limits.paths)
      throw new Refusal(422, 'invalid-rule', `a rule may read ${limits.paths} different properties: split it into tags`)
    return `{n${place}:Identifier}`
  }

  params(): Record<string, unknown> {
    const names = Object.fromEntries(this.#names.map((name, index) => [`n${index + 1}`, name]))
    return { s: this.#texts, f: this.#numbers, i: this.#moments, ...names }
  }
}

function placeIn<T>(list: T[], value: T): number {
  const known = list.indexOf(value)
  return known >= 0 ? known + 1 : list.push(value)
}
