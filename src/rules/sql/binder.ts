import { Refusal } from '../../refusal.ts'
import { limits } from '../parse.ts'

/** A piece of SQL. Only this folder and the kinds write it, and no value ever stands in it: values go through a `Binder`. */
export type Sql = string

/** How many values may be parameters of their own: the store takes a thousand in all. Each that stands in an array costs as much as the array. */
const scalarsAtMost = 700

/** Collects the values of one statement: each a typed parameter of its own, the many beyond them in a few arrays, of which the text names an element. */
export class Binder {
  readonly #scalars = { s: [] as string[], f: [] as number[], i: [] as number[] }
  readonly #texts: string[] = []
  readonly #numbers: number[] = []
  readonly #wholes: number[] = []
  readonly #names: string[] = []

  text(value: string): Sql {
    return this.#scalar('s', 'String', this.#scalars.s, value) ?? `{s:Array(String)}[${placeIn(this.#texts, value)}]`
  }

  number(value: number): Sql {
    return this.#scalar('f', 'Float64', this.#scalars.f, value) ?? `{f:Array(Float64)}[${placeIn(this.#numbers, value)}]`
  }

  /** A whole number: milliseconds, months, lengths. */
  whole(value: number): Sql {
    const whole = Math.trunc(value)
    return this.#scalar('i', 'Int64', this.#scalars.i, whole) ?? `{i:Array(Int64)}[${placeIn(this.#wholes, whole)}]`
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
    const named = (letter: string, values: readonly unknown[]) => values.map((value, index) => [`${letter}${index + 1}`, value] as const)
    const { s, f, i } = this.#scalars
    const scalars = Object.fromEntries([...named('s', s), ...named('f', f), ...named('i', i), ...named('n', this.#names)])
    return { s: this.#texts, f: this.#numbers, i: this.#wholes, ...scalars }
  }

  /** Undefined where there is no room for another. */
  #scalar<T>(letter: string, type: string, known: T[], value: T): Sql | undefined {
    const place = known.indexOf(value)
    if (place >= 0) return `{${letter}${place + 1}:${type}}`
    const { s, f, i } = this.#scalars
    return s.length + f.length + i.length >= scalarsAtMost ? undefined : `{${letter}${known.push(value)}:${type}}`
  }
}

function placeIn<T>(list: T[], value: T): number {
  const known = list.indexOf(value)
  return known >= 0 ? known + 1 : list.push(value)
}
