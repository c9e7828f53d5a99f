/**
 * Prints stand four words each in one `Uint32Array`: 112 bits of a keyed hash of source and message id, then 16 bits of the day the
 * message was received (days since 1970). They are ordered by their 112 bits as one big-endian number. This is also how runs keep
 * them on disk.
 */
export type Prints = Uint32Array

export const wordsPerPrint = 4
export const bytesPerPrint = 16

const dayMs = 24 * 3600 * 1000

/** The day of a moment, 1 … 65535: 1970-01-02 … 2149. Never 0, which marks an empty place in a table. */
export function dayOf(ms: number): number {
  return Math.min(65535, Math.max(1, Math.floor(ms / dayMs)))
}

/** Whether a message of `day` repeats one that was remembered on `rememberedDay`. */
export function repeats(day: number, rememberedDay: number, windowDays: number): boolean {
  return day - rememberedDay <= windowDays
}

export function countOf(prints: Prints): number {
  return prints.length / wordsPerPrint
}

export function dayAt(prints: Prints, index: number): number {
  return (prints[index * wordsPerPrint + 3] as number) & 0xffff
}

/** Compares the hashes of two prints, the days left aside: negative, 0, positive. */
export function compare(left: Prints, i: number, right: Prints, j: number): number {
  return (
    (left[i] as number) - (right[j] as number) ||
    (left[i + 1] as number) - (right[j + 1] as number) ||
    (left[i + 2] as number) - (right[j + 2] as number) ||
    ((left[i + 3] as number) >>> 16) - ((right[j + 3] as number) >>> 16)
  )
}

/** Sorts prints that are almost in order, in place. */
export function settle(prints: Prints): Prints {
  const moving = new Uint32Array(wordsPerPrint)
  for (let at = wordsPerPrint; at < prints.length; at += wordsPerPrint) {
    if (compare(prints, at - wordsPerPrint, prints, at) <= 0) continue
    copyPrint(prints, at, moving, 0)
    let to = at
    for (; to > 0 && compare(prints, to - wordsPerPrint, moving, 0) > 0; to -= wordsPerPrint) {
      copyPrint(prints, to - wordsPerPrint, prints, to)
    }
    copyPrint(moving, 0, prints, to)
  }
  return prints
}

export function copyPrint(from: Prints, at: number, to: Prints, toAt: number): void {
  to[toAt] = from[at] as number
  to[toAt + 1] = from[at + 1] as number
  to[toAt + 2] = from[at + 2] as number
  to[toAt + 3] = from[at + 3] as number
}
