import { importFiles } from '../import/command.ts'
import { version } from '../version.ts'
import { fillDemo } from './fill-demo.ts'
import { terminal } from './output.ts'
import { run } from './program.ts'

/** Asked by a signal, or by the end of the process that launched this one. A second request, later than a moment, ends it at once. */
function untilAsked(): Promise<void> {
  return new Promise(resolve => {
    let askedAt: number | undefined
    const ask = () => {
      if (askedAt !== undefined && performance.now() - askedAt > 1_000) process.exit(130)
      askedAt ??= performance.now()
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask)
    if (process.env.ZHIKE_LAUNCHED) process.on('disconnect', ask)
  })
}

process.exitCode = await run(
  process.argv.slice(2),
  {
    ...terminal,
    environment: process.env,
    start: async config => (await import('../serve.ts')).startZhike(config),
    fillDemo,
    importFiles,
    untilAsked,
  },
  version,
)
process.channel?.unref()
