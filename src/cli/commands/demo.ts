import { apiClient } from '../api-client.ts'
import { standardPopulation } from '../clinic/population.ts'
import { type CliCommand, configOf } from '../context.ts'
import { apiKeyOf } from '../with-server.ts'
import { tellKeys } from './serve.ts'

/** `zhike demo`: a workspace filled from the carried data through the real doors. */
export const demo: CliCommand = (program, context) => {
  program
    .command('demo')
    .description('run the server with a workspace filled from real data')
    .option('--port <number>', 'port to listen on (ZHIKE_PORT)')
    .option('--clinic', 'the aesthetic-medicine clinic with its generated people', false)
    .option('--exit', 'stop when it is filled', false)
    .action(async (options: { port?: string; clinic: boolean; exit: boolean }, command) => {
      const config = configOf(command, context, {
        ZHIKE_PORT: options.port,
        ZHIKE_NOW: options.clinic ? (context.environment.ZHIKE_NOW ?? new Date(standardPopulation.now).toISOString()) : undefined,
        ZHIKE_LOG_LEVEL: context.environment.ZHIKE_LOG_LEVEL ?? 'warn',
      })
      const started = await context.start(config)
      try {
        await context.fillDemo(apiClient(started.url, apiKeyOf(config)), { clinic: options.clinic, now: config.startsAt }, context)
        tellKeys(config, context)
        if (!options.exit) await context.untilAsked()
      } finally {
        await started.stop()
      }
    })
}
