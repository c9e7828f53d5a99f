import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Candidate, valueAt, type Win, withCandidate } from './candidates.ts'

const now = 1_000
const sources = ['his', 'mall', 'oa']

/** Every change with a position of its own; times collide often, some lie in the future. */
const history = fc
  .array(
    fc.record({
      source: fc.constantFrom(...sources),
      value: fc.option(fc.nat(5), { nil: null }),
      ts: fc.integer({ min: 990, max: 1_004 }),
    }),
    { maxLength: 12 },
  )
  .map(changes => changes.map(({ source, value, ts }, index): Candidate => [source, value, ts, index]))

const wins: Win[] = ['latest', 'first', ['his', 'mall'], ['oa']]

/** The definition, read off the whole log. */
function naive(log: readonly Candidate[], win: Win, at: number): Candidate | undefined {
  const sorted = log.filter(change => change[2] <= at).sort((a, b) => a[2] - b[2] || a[3] - b[3])
  if (win === 'first') return sorted.find(change => change[1] !== null)
  if (win === 'latest') return sorted.at(-1)?.[1] === null ? undefined : sorted.at(-1)
  const latestOf = (names: readonly string[]) =>
    sources
      .filter(source => names.includes(source))
      .map(source => sorted.findLast(change => change[0] === source))
      .filter(change => change !== undefined && change[1] !== null)
      .sort((a, b) => (a?.[2] ?? 0) - (b?.[2] ?? 0) || (a?.[3] ?? 0) - (b?.[3] ?? 0))
      .at(-1)
  for (const source of win) {
    const found = latestOf([source])
    if (found) return found
  }
  return latestOf(sources.filter(source => !win.includes(source)))
}

test('the candidates give the value that the whole log gives, in any order of arrival, also when the future arrives', () => {
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.double({ noNaN: true })), fc.integer({ min: 1_000, max: 1_005 }), (log, order, at) => {
      const arrived = log
        .map(change => ({ change, key: order.next().value ?? 0 }))
        .sort((a, b) => a.key - b.key)
        .map(({ change }) => change)
      const candidates = arrived.reduce<Candidate[]>((known, change) => withCandidate(known, change, now), [])
      for (const win of wins) expect(valueAt(candidates, win, at)).toEqual(naive(log, win, at))
    }),
    { numRuns: 2_000 },
  )
})

test('a source keeps one candidate for the past, besides the earliest', () => {
  const changes = Array.from({ length: 100 }, (_, index): Candidate => ['mall', index, index, index])
  expect(changes.reduce<Candidate[]>((known, change) => withCandidate(known, change, now), [])).toEqual([changes[0], changes[99]])
})

test('a change that is told twice counts once', () => {
  const change: Candidate = ['mall', 'dry', 5, 7]
  expect(withCandidate([change], change, now)).toEqual([change])
})
