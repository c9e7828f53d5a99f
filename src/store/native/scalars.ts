import { Bytes } from './bytes.ts'
import { Floats, Integers } from './numbers.ts'

export type Scalar = string | number | boolean

/** In the order of their numbers in `kinds`. */
const types = ['Bool', 'Float64', 'Int64', 'String'] as const
const [ofBoolean, ofFloat, ofInteger, ofText] = [0, 1, 2, 3] as const
const absent = 255

/** What `Dynamic` is in its flattened form: which type each row has, and the values of each type for themselves. */
const flattened = 3

/** One path of a JSON column: values of several types, or none. */
export class Scalars {
  readonly #kinds = new Bytes()
  readonly #booleans = new Bytes(8)
  readonly #floats = new Floats()
  readonly #integers = new Integers()
  readonly #texts = new Bytes()
  readonly #used = [false, false, false, false]

  /** @param row not before an earlier one */
  add(row: number, value: Scalar): void {
    if (this.#kinds.length < row) this.#kinds.fillTo(row, absent)
    const kind = this.#keep(value)
    this.#kinds.byte(kind)
    this.#used[kind] = true
  }

  #keep(value: Scalar): number {
    if (typeof value === 'string') {
      this.#texts.text(value)
      return ofText
    }
    if (typeof value === 'boolean') {
      this.#booleans.byte(value ? 1 : 0)
      return ofBoolean
    }
    if (Number.isInteger(value)) {
      this.#integers.add(value)
      return ofInteger
    }
    this.#floats.add(value)
    return ofFloat
  }

  /** What stands before the values of all paths. */
  writePrefix(out: Bytes): void {
    out.byte(flattened)
    out.fillTo(out.length + 7, 0)
    const used = types.filter((_, kind) => this.#used[kind])
    out.varUint(used.length)
    for (const type of used) out.text(type)
  }

  values(rows: number): Buffer[] {
    this.#kinds.fillTo(rows, absent)
    const numbers = new Uint8Array(256)
    let next = 0
    for (let kind = 0; kind < types.length; kind++) if (this.#used[kind]) numbers[kind] = next++
    numbers[absent] = next
    const indexes = Buffer.from(this.#kinds.written)
    for (let row = 0; row < rows; row++) indexes[row] = numbers[indexes[row] as number] as number
    return [indexes, this.#booleans.written, this.#floats.written, this.#integers.written, this.#texts.written]
  }
}
