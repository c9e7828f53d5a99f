import { type CliCommand, configOf } from '../context.ts'
import { withServer } from '../with-server.ts'

interface ImportFlags {
  map?: string
  source?: string
  dryRun: boolean
  rejects?: string
  again: boolean
  json: boolean
}

/** `zhike import FILE…`: files become facts, by a mapping. */
export const importCommand: CliCommand = (program, context) => {
  program
    .command('import')
    .description('bring CSV or NDJSON files in, gzip too; a killed import resumes, a repeated one changes nothing')
    .argument('<file...>', 'files to read')
    .option('--map <mapping>', 'mapping document (JSON); without it one is proposed from the header')
    .option('--source <key>', 'source of the facts, instead of the mapping’s')
    .option('--dry-run', 'show the first rows as they would become', false)
    .option('--rejects <file>', 'where rejected rows go, with line numbers and reasons')
    .option('--again', 'also a file that another mapping has imported', false)
    .option('--json', 'the outcome as JSON', false)
    .action(async (files: string[], options: ImportFlags, command) => {
      const { map, source, dryRun, rejects, again, json } = options
      const asked = { map, source, dryRun, rejects, again, json }
      context.ends(await withServer(configOf(command, context), context.start, api => context.importFiles(api, files, asked, context)))
    })
}
