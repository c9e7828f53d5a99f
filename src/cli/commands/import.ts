import { type CliCommand, configOf } from '../context.ts'
import { withServer } from '../with-server.ts'

/** `zhike import FILE…`: files become facts, by a mapping. */
export const importCommand: CliCommand = (program, context) => {
  program
    .command('import')
    .description('bring CSV or NDJSON files in, gzip too; a killed import resumes, a repeated one changes nothing')
    .argument('<file...>', 'files to read')
    .option('--map <mapping>', 'mapping document (JSON); without it one is proposed from the header')
    .option('--dry-run', 'show the first rows as they would become', false)
    .option('--rejects <file>', 'where rejected rows go, with line numbers and reasons')
    .option('--json', 'the outcome as JSON', false)
    .action(async (files: string[], options: { map?: string; dryRun: boolean; rejects?: string; json: boolean }, command) => {
      const config = configOf(command, context)
      const { map, dryRun, rejects, json } = options
      context.ends(await withServer(config, context.start, api => context.importFiles(api, files, { map, dryRun, rejects, json }, context)))
    })
}
