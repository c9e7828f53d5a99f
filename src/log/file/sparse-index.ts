/** Where frames begin in a segment: the first, one per 128 KiB after it, and the first after each damage. Two lists of one length, both rising. */
export interface SparseIndex {
  offsets: number[]
  positions: number[]
}

const apartBytes = 128 * 1024

/** Notes that the frame of this base offset begins here, if that is worth a place (`always`: it is). */
export function note(index: SparseIndex, offset: number, position: number, always = false): void {
  const last = index.positions.at(-1)
  if (last !== undefined && position - last < apartBytes && !always) return
  index.offsets.push(offset)
  index.positions.push(position)
}

/** The last noted frame that begins at or before the offset; undefined when all begin after it. */
export function nearest(index: SparseIndex, offset: number): { offset: number; position: number } | undefined {
  let low = 0
  let high = index.offsets.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((index.offsets[middle] ?? 0) <= offset) low = middle + 1
    else high = middle
  }
  const found = index.offsets[low - 1]
  const position = index.positions[low - 1]
  return found === undefined || position === undefined ? undefined : { offset: found, position }
}
