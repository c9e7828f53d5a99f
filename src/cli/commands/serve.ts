import { firstKeysIn } from '../../access/first-keys.ts'
import type { Config } from '../../config.ts'
import { type CliCommand, configOf } from '../context.ts'
import type { Output } from '../output.ts'

/** `zhike serve`: everything in one process, until it is asked to end. */
export const serve: CliCommand = (program, context) => {
  program
    .command('serve')
    .description('run the server')
    .option('--port <number>', 'port to listen on (ZHIKE_PORT)')
    .option('--host <address>', 'address to listen on (ZHIKE_HOST)')
    .option('--roles <list>', 'only some of collect,process,engage,api (ZHIKE_ROLES)')
    .action(async (options: { port?: string; host?: string; roles?: string }, command) => {
      const config = configOf(command, context, { ZHIKE_PORT: options.port, ZHIKE_HOST: options.host, ZHIKE_ROLES: options.roles })
      const isFirst = firstKeysIn(config.dataDir) === undefined
      const started = await context.start(config)
      context.notes(`zhike serves at ${started.url}`)
      if (isFirst) tellKeys(config, context)
      await context.untilAsked()
      context.notes('stopping: what was acknowledged is safe, requests in flight finish')
      await started.stop()
    })
}

/** Once, when they are made. */
export function tellKeys(config: Config, output: Output): void {
  const keys = firstKeysIn(config.dataDir)
  if (!keys) return
  output.notes(`first keys, kept in ${config.dataDir}/keys.json:`)
  output.notes(`  API key    ${keys.apiKey}   (Authorization: Bearer …, everything under /api)`)
  output.notes(`  write key  ${keys.writeKey}   (for SDKs, sends events only)`)
}
