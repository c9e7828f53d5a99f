import { type CliCommand, configOf } from '../context.ts'
import { findingsOf } from '../doctor/findings.ts'
import { exitCodes } from '../exit-codes.ts'

const marks = { ok: '✓', warning: '!', fault: '✗' } as const

/** `zhike doctor`: what it found, what is wrong, and what to do. */
export const doctor: CliCommand = (program, context) => {
  program
    .command('doctor')
    .description('look at the machine, the data directory, the engines and the running server')
    .option('--json', 'the findings as JSON', false)
    .action(async (options: { json: boolean }, command) => {
      const findings = await findingsOf(configOf(command, context))
      if (options.json) context.out(JSON.stringify(findings, null, 2))
      else for (const { state, found, todo } of findings) context.out(`${marks[state]} ${found}${todo ? `\n    → ${todo}` : ''}`)
      if (findings.some(({ state }) => state === 'fault')) context.ends(exitCodes.environment)
    })
}
