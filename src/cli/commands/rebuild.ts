import { type CliCommand, configOf } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { withServer } from '../with-server.ts'

interface RebuildReport {
  difference: string
  applied: boolean
  counts: { merges: number; splits: number; identifiers: number; facts: number }
  examples: { merges: { profile: string; with: string[] }[]; splits: { profile: string; into: string[] }[] }
}

const rebuildPath = '/api/identity/rebuild'

/** `zhike rebuild identity`: who is who, derived anew; the difference is shown first and applied only when asked for. */
export const rebuild: CliCommand = (program, context) => {
  program
    .command('rebuild')
    .description('derive anew what is derived')
    .command('identity')
    .description('who is who, from all evidence under the present configuration; shows what would change')
    .option('--apply', 'change it, after showing the difference', false)
    .option('--json', 'the report as JSON', false)
    .action(async (options: { apply: boolean; json: boolean }, command) => {
      const report = await withServer(configOf(command, context), context.start, async api => {
        const found = await api.call<RebuildReport>('POST', rebuildPath, { dryRun: true })
        if (!options.json) for (const line of told(found)) context.out(line)
        if (!options.apply || isNothing(found)) return found
        const applied = await api.call<RebuildReport>('POST', rebuildPath, { confirm: found.difference })
        if (applied.counts.facts > 0) await api.call('POST', '/api/flush')
        return applied
      })
      if (options.json) context.out(JSON.stringify(report, null, 2))
      else if (report.applied) context.notes('applied; it is in the audit')
      else if (!isNothing(report)) context.notes('nothing was changed; run it again with --apply to change it')
      context.ends(exitCodes.ok)
    })
}

function isNothing({ counts }: RebuildReport): boolean {
  return Object.values(counts).every(count => count === 0)
}

function told(report: RebuildReport): string[] {
  const { counts, examples } = report
  if (isNothing(report)) return ['everything is as the evidence says; nothing would change']
  return [
    `profiles that come together  ${counts.merges}`,
    `profiles that fall apart     ${counts.splits}`,
    `identifiers that change      ${counts.identifiers}`,
    `moves of facts               ${counts.facts}`,
    ...examples.merges.map(({ profile, with: others }) => `  ${profile} takes in ${others.join(', ')}`),
    ...examples.splits.map(({ profile, into }) => `  ${profile} becomes ${into.join(', ')}`),
  ]
}
