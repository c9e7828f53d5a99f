/** Medians of two contenders that took turns, and how the first stands to the second. */
export interface Interleaved {
  a: number
  b: number
  /** Median of `a` ÷ median of `b`. */
  ratio: number
  runs: { a: number[]; b: number[] }
}

/**
 * Runs A B B A, A B B A … and takes medians, so that a machine that gets slower or faster meanwhile treats both alike.
 * A first run of each is thrown away unless `warmUp` is false.
 * @param rounds how many times A B B A, so each contender runs twice as often
 */
export async function interleave(
  rounds: number,
  a: () => Promise<number>,
  b: () => Promise<number>,
  { warmUp = true } = {},
): Promise<Interleaved> {
  const runs = { a: [] as number[], b: [] as number[] }
  if (warmUp) {
    await a()
    await b()
  }
  for (let round = 0; round < rounds; round++) {
    runs.a.push(await a())
    runs.b.push(await b())
    runs.b.push(await b())
    runs.a.push(await a())
  }
  const medians = { a: median(runs.a), b: median(runs.b) }
  return { ...medians, ratio: medians.a / medians.b, runs }
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Between the neighbours by linear interpolation (type 7 of Hyndman and Fan 1996); NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((x, y) => x - y)
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}
