import { createHash } from 'node:crypto'
import { audit } from '../access/audit.ts'
import { Refusal } from '../refusal.ts'
import { apply } from './apply.ts'
import type { HandWork } from './by-hand.ts'
import { lockHead } from './load.ts'
import { type RebuildDifference, rebuildDifference } from './rebuild.ts'

/** What deriving everything anew would change, or has changed. */
export interface RebuildReport {
  /** Names exactly this difference; to apply it, give it as `confirm`. */
  difference: string
  applied: boolean
  /** How many profiles would come together, fall apart, and how many identifiers would change. */
  counts: { merges: number; splits: number; identifiers: number; facts: number }
  examples: { merges: { profile: string; with: string[] }[]; splits: { profile: string; into: string[] }[] }
}

const examplesShown = 20

/** Says what would be different; changes nothing. */
export async function previewRebuild({ tx, rules }: HandWork): Promise<RebuildReport> {
  return reportOf(await rebuildDifference(tx, name => rules.ofStored(name)), false)
}

/**
 * Derives identity anew.
 * @param confirm the difference that a person has looked at
 * @throws Refusal 409 where it is another by now
 */
export async function applyRebuild({ tx, rules, hand }: HandWork, confirm: string): Promise<RebuildReport> {
  const found = await rebuildDifference(tx, name => rules.ofStored(name))
  const report = reportOf(found, true)
  if (report.difference !== confirm)
    throw new Refusal(409, 'difference-changed', 'What would change is not what was confirmed any more; look at it again with dryRun.')
  const { seq } = await lockHead(tx)
  await apply(tx, found.regrouping, seq, 'rebuild', hand)
  await audit(tx, hand.at, { who: hand.by, did: 'identity.rebuild', what: 'everything', details: report.counts })
  return report
}

function reportOf({ regrouping, merges, splits }: RebuildDifference, applied: boolean): RebuildReport {
  const { identifiers, reattributions } = regrouping
  return {
    difference: fingerprint(regrouping),
    applied,
    counts: { merges: merges.length, splits: splits.length, identifiers: identifiers.length, facts: reattributions.length },
    examples: {
      merges: merges.slice(0, examplesShown).map(one => ({ profile: `${one.profile}`, with: one.with.map(String) })),
      splits: splits.slice(0, examplesShown).map(one => ({ profile: `${one.profile}`, into: one.into.map(String) })),
    },
  }
}

/** Leaves' numbers do not count: events may make new ones between looking and applying. */
function fingerprint({ roots, newLeaves, identifiers }: RebuildDifference['regrouping']): string {
  const first = Math.min(...newLeaves.map(({ leaf }) => leaf))
  const plain = (leaf: number) => (leaf >= first ? `new ${leaf - first}` : `${leaf}`)
  const lines = [
    ...roots.map(({ leaf, root }) => `leaf ${leaf} ${plain(root)}`),
    ...identifiers.map(({ hash, leaf, special }) => `identifier ${hash} ${plain(leaf)} ${special?.blocked ?? ''}`),
    `new ${newLeaves.length}`,
  ]
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex').slice(0, 32)
}
