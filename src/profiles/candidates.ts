import type { Json } from '../collect/event.ts'
import type { Position } from '../log/position.ts'

/**
 * A trait's value as one source last said it: `[source, value, ts in ms, position]`; null means the source unset it.
 * A leaf keeps, per key, only the candidates that can still win: each source's latest, the earliest value, and what lies in the future.
 */
export type Candidate = readonly [source: string, value: Json, ts: number, position: Position]

/** Which candidate is the trait's value: the latest, the earliest, or the latest of the best-ranked source that has one. */
export type Win = 'latest' | 'first' | readonly string[]

/** `a` comes before `b` in the order in which facts are folded. */
function before(a: Candidate, b: Candidate): boolean {
  return a[2] < b[2] || (a[2] === b[2] && a[3] < b[3])
}

/** The candidates after one more change, without those that can win no more. The order of arrival does not matter. */
export function withCandidate(candidates: readonly Candidate[], added: Candidate, now: number): Candidate[] {
  const all = candidates.some(known => known[3] === added[3]) ? [...candidates] : [...candidates, added]
  const first = earliest(all)
  return all.filter(
    one => one === first || one[2] > now || !all.some(other => other[0] === one[0] && other[2] <= now && before(one, other)),
  )
}

/** The value at `now`: undefined when the trait is missing. Facts later than `now` do not exist yet. */
export function valueAt(candidates: readonly Candidate[], win: Win, now: number): Candidate | undefined {
  const known = candidates.filter(candidate => candidate[2] <= now)
  const winner = win === 'first' ? earliest(known) : latest(win === 'latest' ? known : bestRanked(known, win))
  return winner && winner[1] !== null ? winner : undefined
}

function earliest(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.filter(one => one[1] !== null).reduce<Candidate | undefined>((a, b) => (a && before(a, b) ? a : b), undefined)
}

function latest(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>((a, b) => (a && before(b, a) ? a : b), undefined)
}

/** The candidates of the best-ranked source that has a value; sources that are not listed rank last, together. */
function bestRanked(candidates: readonly Candidate[], ranks: readonly string[]): Candidate[] {
  const rankOf = (candidate: Candidate) => (ranks.includes(candidate[0]) ? ranks.indexOf(candidate[0]) : ranks.length)
  const perSource = candidates.filter(one => !candidates.some(other => other[0] === one[0] && before(one, other)))
  const present = perSource.filter(candidate => candidate[1] !== null)
  const best = Math.min(...present.map(rankOf))
  return present.filter(candidate => rankOf(candidate) === best)
}
