import { Command, CommanderError } from 'commander'
import { Refusal } from '../refusal.ts'
import { apply } from './commands/apply.ts'
import { demo } from './commands/demo.ts'
import { doctor } from './commands/doctor.ts'
import { exportCommand } from './commands/export.ts'
import { importCommand } from './commands/import.ts'
import { importEntities } from './commands/import-entities.ts'
import { keys } from './commands/keys.ts'
import { rebuild } from './commands/rebuild.ts'
import { serve } from './commands/serve.ts'
import { sources } from './commands/sources.ts'
import type { CliCommand, CliContext } from './context.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import type { Output } from './output.ts'

const commands: readonly CliCommand[] = [serve, demo, importCommand, importEntities, exportCommand, apply, keys, sources, rebuild, doctor]

/** Runs one command line and resolves with its exit code; faults are sentences on `notes`. */
export async function run(args: readonly string[], given: Omit<CliContext, 'ends'>, version: string): Promise<number> {
  let exitCode: number = exitCodes.ok
  const context: CliContext = {
    ...given,
    ends: code => {
      exitCode = code
    },
  }
  const program = new Command('zhike')
    .description('知客 — customer data platform and engagement engine')
    .version(version)
    .option('--data <directory>', 'data directory (ZHIKE_DATA)')
    .exitOverride()
    .configureOutput({ writeOut: text => context.out(text.trimEnd()), writeErr: text => context.notes(text.trimEnd()) })
    .showHelpAfterError('(run with --help for what there is)')
  for (const add of commands) add(program, context)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    return told(error, context)
  }
}

function told(error: unknown, output: Output): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  if (!(error instanceof Refusal)) {
    output.notes(`zhike: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return exitCodeOf(error)
  }
  output.notes(`zhike: ${error.message}`)
  for (const { path, message } of error.details) output.notes(message.startsWith(path) ? `  ${message}` : `  ${path}: ${message}`)
  return exitCodeOf(error)
}
