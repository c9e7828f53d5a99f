import { compare, countOf, dayAt, type Prints, repeats, wordsPerPrint } from './prints.ts'

/** Of prints that occur more than once among the fresh ones only the first stays fresh (and a later one that is out of its window). */
export function dropRepeatsWithin(prints: Prints, fresh: Uint8Array, windowDays: number): void {
  const bits = Math.max(4, 33 - Math.clz32(countOf(prints)))
  const firsts = new Int32Array(2 ** bits).fill(-1)
  for (let i = 0; i < fresh.length; i++) {
    if (fresh[i] === 0) continue
    const at = i * wordsPerPrint
    let place = (prints[at] as number) >>> (32 - bits)
    while (firsts[place] !== -1 && compare(prints, (firsts[place] as number) * wordsPerPrint, prints, at) !== 0) {
      place = (place + 1) & (firsts.length - 1)
    }
    const first = firsts[place] as number
    if (first !== -1 && repeats(dayAt(prints, i), dayAt(prints, first), windowDays)) fresh[i] = 0
    else firsts[place] = i
  }
}
