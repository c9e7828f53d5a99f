import { compare, copyPrint, type Prints, settle, wordsPerPrint } from './prints.ts'

const smallest = 2 ** 12
const fullest = 0.75

/**
 * The prints that are not in a run yet: a hash table with open addressing. A print's place is the top of its hash, so the table is
 * almost sorted already when it becomes a run. The hash is keyed, so nobody outside can aim at one place. A byte per place, 0 where
 * it is empty, says no to most look-ups without touching the print.
 */
export class Recent {
  count = 0
  #prints = new Uint32Array(smallest * wordsPerPrint)
  #tags = new Uint8Array(smallest)
  #shift = 32 - Math.log2(smallest)

  /** The day a print was remembered, 0 if it is not here. */
  dayOf(prints: Prints, at: number): number {
    const place = this.#find(prints, at)
    return this.#tags[place] === 0 ? 0 : (this.#prints[place * wordsPerPrint + 3] as number) & 0xffff
  }

  /** Remembers a print; one that is here already takes the new day. */
  add(prints: Prints, at: number): void {
    if (this.count >= this.#tags.length * fullest) this.#grow()
    const place = this.#find(prints, at)
    if (this.#tags[place] === 0) this.count++
    this.#put(prints, at, place)
  }

  /** All prints in order, as a copy. */
  sorted(): Prints {
    const sorted = new Uint32Array(this.count * wordsPerPrint)
    // Among the first are those that belong at the end and found no room there.
    const empty = this.#tags.indexOf(0)
    let to = this.#copy(0, empty, 0, 2 ** 31, sorted, 0)
    to = this.#copy(empty, this.#tags.length, 0, 2 ** 32, sorted, to)
    this.#copy(0, empty, 2 ** 31, 2 ** 32, sorted, to)
    return settle(sorted)
  }

  /** Copies what stands in these places and has a top in this range; returns where it ends. */
  #copy(from: number, until: number, lowest: number, above: number, sorted: Prints, to: number): number {
    let end = to
    for (let place = from; place < until; place++) {
      const at = place * wordsPerPrint
      const top = this.#prints[at] as number
      if (this.#tags[place] === 0 || top < lowest || top >= above) continue
      copyPrint(this.#prints, at, sorted, end)
      end += wordsPerPrint
    }
    return end
  }

  get memoryBytes(): number {
    return this.#prints.byteLength + this.#tags.byteLength
  }

  clear(): void {
    this.count = 0
    this.#tags.fill(0)
  }

  /** Where the print is or would be. */
  #find(prints: Prints, at: number): number {
    const tags = this.#tags
    const last = tags.length - 1
    const tag = tagOf(prints, at)
    let place = (prints[at] as number) >>> this.#shift
    while (tags[place] !== 0) {
      if (tags[place] === tag && compare(this.#prints, place * wordsPerPrint, prints, at) === 0) return place
      place = (place + 1) & last
    }
    return place
  }

  #put(prints: Prints, at: number, place: number): void {
    this.#tags[place] = tagOf(prints, at)
    copyPrint(prints, at, this.#prints, place * wordsPerPrint)
  }

  #grow(): void {
    const prints = this.#prints
    const tags = this.#tags
    this.#prints = new Uint32Array(prints.length * 2)
    this.#tags = new Uint8Array(tags.length * 2)
    this.#shift--
    for (let place = 0; place < tags.length; place++) {
      const at = place * wordsPerPrint
      if (tags[place] !== 0) this.#put(prints, at, this.#find(prints, at))
    }
  }
}

function tagOf(prints: Prints, at: number): number {
  return ((prints[at + 3] as number) >>> 24) | 1
}
