/** Chance that can be repeated: one seed gives one series. What the machine does in between stays its own. */
export interface Chance {
  /** 0 ≤ x < 1 */
  next(): number
  /** A whole number: from ≤ n ≤ to. */
  between(from: number, to: number): number
  happens(probability: number): boolean
  pick<T>(list: readonly T[]): T
  shuffled<T>(list: readonly T[]): T[]
}

/** mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (from: number, to: number) => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    between,
    happens: probability => next() < probability,
    pick(list) {
      if (list.length === 0) throw new Error('there is nothing to pick from')
      return list[between(0, list.length - 1)] as (typeof list)[number]
    },
    shuffled(list) {
      const keys = list.map(() => next())
      return [...list.keys()].sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0)).map(index => list[index] as (typeof list)[number])
    },
  }
}
