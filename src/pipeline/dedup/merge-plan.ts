import { countBefore, type RunInfo } from './run.ts'

const fanIn = 4
const wasteful = 1 / 8

/**
 * The runs to merge now, none if all is well. Runs of like size are merged four at a time, so that n prints lie in O(log n) runs
 * and are rewritten O(log n) times; a run of which an eighth has expired is rewritten by itself.
 * @param firstDay prints of earlier days have expired
 * @param base size of a fresh run
 */
export function nextMerge(runs: RunInfo[], firstDay: number, base: number): RunInfo[] {
  const live = (run: RunInfo) => run.count - countBefore(run, firstDay)
  const tiers = Map.groupBy(runs, run => tierOf(live(run), base))
  const full = [...tiers.keys()].sort((a, b) => a - b).find(tier => (tiers.get(tier)?.length ?? 0) >= fanIn)
  if (full === undefined) return runs.filter(run => run.count - live(run) >= run.count * wasteful).slice(0, 1)
  const merged = [...(tiers.get(full) ?? [])]
  for (let tier = full; ; ) {
    const next = tierOf(
      merged.reduce((sum, run) => sum + live(run), 0),
      base,
    )
    const others = tiers.get(next) ?? []
    if (next === tier || others.length < fanIn - 1) return merged
    merged.push(...others)
    tier = next
  }
}

function tierOf(count: number, base: number): number {
  return Math.max(0, Math.round(Math.log(Math.max(1, count) / base) / Math.log(fanIn)))
}
