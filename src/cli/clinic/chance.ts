/** Numbers that look drawn and are the same for the same seed. */
export interface Chance {
  /** In [0, 1). */
  draw(): number
  /** Whether something of this probability happens. */
  happens(probability: number): boolean
  /** Whole, in [from, to]. */
  whole(from: number, to: number): number
  pick<T>(of: readonly T[]): T
  /** One of these, by their weights. */
  weighed<T>(of: readonly (readonly [T, number])[]): T
  /** How long until something happens that does so at a rate. */
  wait(rate: number): number
  /** A log-normal around a median. */
  around(median: number, sigma: number): number
}

/** Chris Doty-Humphrey's sfc32, seeded by whole numbers. */
export function chanceOf(...seed: readonly number[]): Chance {
  let [a, b, c, counter] = [seed[0] ?? 0, seed[1] ?? 0, seed[2] ?? 0, 1]
  const draw = () => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    return (t >>> 0) / 4_294_967_296
  }
  for (let round = 0; round < 12; round++) draw()
  const normal = () => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw())
  const pick = <T>(of: readonly T[]) => of[Math.floor(draw() * of.length)] as T
  return {
    draw,
    happens: probability => draw() < probability,
    whole: (from, to) => from + Math.floor(draw() * (to - from + 1)),
    pick,
    weighed: of => weighed(of, draw()),
    wait: rate => -Math.log(1 - draw()) / rate,
    around: (median, sigma) => median * Math.exp(sigma * normal()),
  }
}

/** @param at in [0, 1) */
export function weighed<T>(of: readonly (readonly [T, number])[], at: number): T {
  let left = at * of.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [one, weight] of of) {
    if (left < weight) return one
    left -= weight
  }
  return (of.at(-1) as readonly [T, number])[0]
}

const primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79]

/**
 * Deals instead of drawing: numbers in [0, 1) for person after person that fill the unit cube evenly (a Kronecker sequence, on square
 * roots of primes), so that a share of a few percent is that share among a thousand people, too.
 */
export function dealt(seed: number, person: number, attribute: number): number {
  const shift = chanceOf(seed, attribute, 41).draw()
  return (shift + (person + 1) * Math.sqrt(primes[attribute] ?? 2)) % 1
}
