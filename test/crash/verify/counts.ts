import type { Deserved } from './deserved.ts'
import { isFromLog } from './facts.ts'
import type { Logged } from './logged.ts'
import type { Stored } from './stored.ts'
import { emptyVerdict, type Verdict } from './verdict.ts'

/** Where the events of the log come from: the source of the first write key. */
const source = 'default'

/** Ranges follow each other without gaps, are done, and say where their events are; the counts of a source are those of what is there. */
export function judgeCounts(log: readonly Logged[], deserved: Deserved, stored: Stored): Verdict {
  const verdict = emptyVerdict()
  judgeRanges(log.length, stored, verdict)
  const counted = stored.stats.find(row => row.source === source) ?? { accepted: 0, rejected: 0, deduplicated: 0 }
  const rejected = stored.rejected.length
  const expected = { accepted: deserved.stored.size, rejected, deduplicated: log.length - deserved.stored.size - rejected }
  for (const fate of ['accepted', 'rejected', 'deduplicated'] as const)
    if (counted[fate] !== expected[fate]) verdict.miscounted.push(`${fate} counts ${counted[fate]}, and there are ${expected[fate]}`)
  return verdict
}

function judgeRanges(end: number, { ranges, events, nextOffset }: Stored, verdict: Verdict): void {
  if (nextOffset !== end) verdict.miscounted.push(`the log ends at ${end}, and ${nextOffset} is decided`)
  let expected = 0
  const untilOf = new Map<number, number>()
  for (const { range, until, state } of ranges) {
    untilOf.set(range, until)
    if (state !== 'done') verdict.miscounted.push(`the range at ${range} is ${state} after a flush`)
    if (!isFromLog({ position: range })) continue
    if (range !== expected) verdict.miscounted.push(`a range begins at ${range}, and the one before ends at ${expected}`)
    expected = until
  }
  if (expected !== end) verdict.miscounted.push(`the ranges end at ${expected}, and the log at ${end}`)
  for (const { range, position, message_id } of events)
    if (!(range <= position && position < (untilOf.get(range) ?? 0)))
      verdict.miscounted.push(`${message_id} at ${position} is not in its range ${range}`)
}
