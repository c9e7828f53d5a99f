const word = 2 ** 32
/** A word times so many digits is still exact. */
const digitsAtOnce = 6

/** UInt64 or Int64 numbers that grow, two words of 32 bits each. */
export class Integers {
  #words: Uint32Array
  #length = 0

  constructor(capacity = 32) {
    this.#words = new Uint32Array(2 * capacity)
  }

  get count(): number {
    return this.#length / 2
  }

  get written(): Buffer {
    return Buffer.from(this.#words.buffer, 0, this.#length * 4)
  }

  /** @param value a whole number within ±2⁶³; beyond 2⁵³ as exact as a number is */
  add(value: number): void {
    const high = Math.floor(value / word)
    this.#add(value - high * word, high)
  }

  /** The decimal digits in `text[from, to)` as UInt64. */
  addDecimal(text: string, from: number, to: number): void {
    let high = 0
    let low = 0
    for (let at = from; at < to; ) {
      const end = Math.min(to, at + digitsAtOnce)
      let digits = 0
      let factor = 1
      for (; at < end; at++, factor *= 10) digits = digits * 10 + text.charCodeAt(at) - 48
      low = low * factor + digits
      const carry = Math.floor(low / word)
      low -= carry * word
      high = high * factor + carry
    }
    this.#add(low, high)
  }

  #add(low: number, high: number): void {
    if (this.#length === this.#words.length) {
      const bigger = new Uint32Array(2 * this.#words.length)
      bigger.set(this.#words)
      this.#words = bigger
    }
    this.#words[this.#length++] = low
    this.#words[this.#length++] = high
  }
}

/** Float64 numbers that grow. */
export class Floats {
  #values = new Float64Array(32)
  #count = 0

  get count(): number {
    return this.#count
  }

  get written(): Buffer {
    return Buffer.from(this.#values.buffer, 0, this.#count * 8)
  }

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const bigger = new Float64Array(2 * this.#count)
      bigger.set(this.#values)
      this.#values = bigger
    }
    this.#values[this.#count++] = value
  }
}
