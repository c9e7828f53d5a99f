import { compare, copyPrint, type Prints, settle, wordsPerPrint } from './prints.ts'

const smallest = 2 ** 12
const fullest = 0.75

/**
 * The prints that are not in a run yet: a hash table with open addressing in one array. A print's place is the top of its hash, so
 * the table is almost sorted already when it becomes a run. The hash is keyed, so nobody outside can aim at one place.
 */
export class Recent {
  count = 0
  #slots = new Uint32Array(smallest * wordsPerPrint)
  #shift = 32 - Math.log2(smallest)

  /** The day a print was remembered, 0 if it is not here. */
  dayOf(prints: Prints, at: number): number {
    return (this.#slots[this.#find(prints, at) + 3] as number) & 0xffff
  }

  /** Remembers a print; one that is here already takes the new day. */
  add(prints: Prints, at: number): void {
    if (this.count >= (this.#slots.length / wordsPerPrint) * fullest) this.#grow()
    const slot = this.#find(prints, at)
    if (this.#slots[slot + 3] === 0) this.count++
    copyPrint(prints, at, this.#slots, slot)
  }

  /** All prints in order, as a copy. */
  sorted(): Prints {
    const slots = this.#slots
    const sorted = new Uint32Array(this.count * wordsPerPrint)
    let to = 0
    const take = (wrapped: boolean) => {
      for (let slot = 0; slot < slots.length; slot += wordsPerPrint) {
        if (slots[slot + 3] === 0 || this.#isWrapped(slot) !== wrapped) continue
        copyPrint(slots, slot, sorted, to)
        to += wordsPerPrint
      }
    }
    take(false)
    take(true)
    return settle(sorted)
  }

  get memoryBytes(): number {
    return this.#slots.byteLength
  }

  clear(): void {
    this.count = 0
    this.#slots.fill(0)
  }

  /** Whether the print here belongs at the end of the table and found room only at its beginning. */
  #isWrapped(slot: number): boolean {
    return slot < this.#slots.length / 2 && (this.#slots[slot] as number) >>> 31 === 1
  }

  /** Where the print is or would be. */
  #find(prints: Prints, at: number): number {
    const slots = this.#slots
    const last = slots.length - 1
    let slot = ((prints[at] as number) >>> this.#shift) * wordsPerPrint
    while (slots[slot + 3] !== 0 && compare(slots, slot, prints, at) !== 0) slot = (slot + wordsPerPrint) & last
    return slot
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    this.#shift--
    for (let slot = 0; slot < old.length; slot += wordsPerPrint) {
      if (old[slot + 3] !== 0) copyPrint(old, slot, this.#slots, this.#find(old, slot))
    }
  }
}
