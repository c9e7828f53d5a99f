import { type CliCommand, configOf } from '../context.ts'
import { writeWorkspaceFiles } from '../files/workspace-files.ts'
import { workspaceOf } from '../files/workspace-of.ts'
import { withServer } from '../with-server.ts'

/** `zhike export DIR`: what a workspace is defined by, as files that `zhike apply` reads. */
export const exportCommand: CliCommand = (program, context) => {
  program
    .command('export')
    .description('write the dictionary, the catalogue, tags, audiences and what they read as files')
    .argument('<directory>', 'a folder; files of the same name are replaced')
    .action(async (directory: string, _options, command) => {
      const files = await withServer(configOf(command, context), context.start, workspaceOf)
      const written = writeWorkspaceFiles(directory, files)
      for (const path of written) context.out(path)
      context.notes(`${written.length} files in ${directory}`)
    })
}
