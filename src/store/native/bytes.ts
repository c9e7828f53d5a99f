const longestShort = 64

/** Bytes that grow, as ClickHouse's Native format has them: little-endian, text with its length before it. */
export class Bytes {
  #buffer: Buffer
  #length = 0

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity)
  }

  get length(): number {
    return this.#length
  }

  /** What was written; changes with it. */
  get written(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  byte(value: number): void {
    if (this.#length === this.#buffer.length) this.#makeRoom(1)
    this.#buffer[this.#length++] = value
  }

  /** The same byte until there are so many. */
  fillTo(length: number, value: number): void {
    if (length <= this.#length) return
    this.#makeRoom(length - this.#length)
    this.#buffer.fill(value, this.#length, length)
    this.#length = length
  }

  varUint(value: number): void {
    let rest = value
    for (; rest > 127; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128)
    this.byte(rest)
  }

  text(value: string): void {
    const { length } = value
    if (length < longestShort && this.#asciiText(value)) return
    this.varUint(Buffer.byteLength(value))
    this.#makeRoom(3 * length)
    this.#length += this.#buffer.write(value, this.#length)
  }

  /** Most text is short and plain: there the loop is quicker than a call into the engine. */
  #asciiText(value: string): boolean {
    const { length } = value
    this.#makeRoom(length + 1)
    const buffer = this.#buffer
    let at = this.#length
    buffer[at++] = length
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index)
      if (code > 127) return false
      buffer[at++] = code
    }
    this.#length = at
    return true
  }

  #makeRoom(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#buffer.length) return
    const bigger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
    this.#buffer.copy(bigger, 0, 0, this.#length)
    this.#buffer = bigger
  }
}
