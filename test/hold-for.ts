import fc from 'fast-check'

/**
 * Whether what `check` says holds for values drawn until the time is over: the one that is under way then is let finish, however slow the machine.
 * @param atMost how many values are drawn on a fast machine
 */
export async function holdFor<T>(
  seconds: number,
  { atMost, seed }: { atMost: number; seed?: string | undefined },
  values: fc.Arbitrary<T>,
  check: (value: T) => Promise<void>,
): Promise<void> {
  const until = performance.now() + seconds * 1000
  const holds = fc.asyncProperty(values, value => (performance.now() < until ? check(value) : Promise.resolve()))
  await fc.assert(holds, { numRuns: atMost, endOnFailure: true, ...(seed !== undefined && { seed: Number(seed) }) })
}
