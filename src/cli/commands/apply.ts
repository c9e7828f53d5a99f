import { type CliCommand, configOf } from '../context.ts'
import { applyFiles, type Difference, differenceOf } from '../files/apply-files.ts'
import { readWorkspaceFiles } from '../files/workspace-files.ts'
import { withServer } from '../with-server.ts'

/** `zhike apply DIR`: brings a workspace to the definitions in files; the difference is shown first and applied only when asked for. */
export const apply: CliCommand = (program, context) => {
  program
    .command('apply')
    .description('show what differs between files of definitions and the workspace, and bring the workspace to them')
    .argument('<directory>', 'as `zhike export` writes it')
    .option('--yes', 'change it, after showing the difference', false)
    .option('--json', 'the difference as JSON', false)
    .action(async (directory: string, options: { yes: boolean; json: boolean }, command) => {
      const files = readWorkspaceFiles(directory)
      const difference = await withServer(configOf(command, context), context.start, async api => {
        const found = await differenceOf(api, files)
        if (!options.json) for (const line of told(found)) context.out(line)
        if (options.yes && found.changes.length > 0) await applyFiles(api, files)
        return found
      })
      if (options.json) context.out(JSON.stringify(difference, null, 2))
      else if (difference.changes.length > 0)
        context.notes(options.yes ? 'applied' : 'nothing was changed: run it with --yes to bring the workspace to this')
    })
}

function told({ changes, warnings }: Difference): string[] {
  const marks = { create: '+', change: '~' }
  return [
    ...(changes.length === 0 ? ['the workspace is as the files say'] : []),
    ...changes.map(
      ({ what, change, fields }) => `${marks[change]} ${what}${change === 'change' && fields.length > 0 ? `: ${fields.join(', ')}` : ''}`,
    ),
    ...warnings.map(({ kind, key, path, message }) => `! ${kind} ${key}: ${path}: ${message}`),
  ]
}
