import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'

/** One running child process of an engine. */
export interface EngineProcess {
  pid: number
  /** Resolves when the process has ended, with how. */
  ended: Promise<string>
  /** Asks it to end. */
  terminate(signal: NodeJS.Signals): void
}

export interface EngineParts {
  name: string
  /** Starts the process; called again after it died. */
  launch(): Promise<EngineProcess>
  /** Resolves when it answers. @throws while it does not */
  probe(): Promise<void>
  /** How it is asked to end in order. */
  stopSignal: NodeJS.Signals
  log: Logger
}

/** An engine that runs as a child: started again when it dies, ended with us. */
export interface Engine {
  pid(): number
  stop(): Promise<void>
}

const startWithinMs = 60_000
const stopWithinMs = 20_000

/** @throws when the engine does not answer within a minute or ends at once; the sentence says what it said last */
export async function runEngine(parts: EngineParts): Promise<Engine> {
  let stopping = false
  let current = await startOnce(parts)
  const watching = watch()

  async function watch(): Promise<void> {
    for (let failures = 0; !stopping; ) {
      const startedAt = performance.now()
      const how = await current.ended
      if (stopping) return
      failures = performance.now() - startedAt > startWithinMs ? 0 : failures + 1
      parts.log.error({ engine: parts.name, how, failures }, 'an engine ended by itself; starting it again')
      await sleep(Math.min(200 * 2 ** failures, 15_000))
      if (stopping) return
      current = await startOnce(parts).catch(error => {
        parts.log.error({ engine: parts.name, err: error }, 'an engine could not be started')
        return { pid: 0, ended: Promise.resolve('not started'), terminate: () => undefined }
      })
    }
  }

  return {
    pid: () => current.pid,
    async stop() {
      stopping = true
      current.terminate(parts.stopSignal)
      const inTime = await Promise.race([current.ended.then(() => true), sleep(stopWithinMs, false, { ref: false })])
      if (!inTime) current.terminate('SIGKILL')
      await current.ended
      await Promise.race([watching, sleep(100)])
    },
  }
}

async function startOnce(parts: EngineParts): Promise<EngineProcess> {
  const started = await parts.launch()
  let ended: string | undefined
  void started.ended.then(how => {
    ended = how
  })
  const deadline = performance.now() + startWithinMs
  for (;;) {
    try {
      await parts.probe()
      return started
    } catch (error) {
      if (ended !== undefined) throw new Error(`${parts.name} ended while starting: ${ended}`)
      if (performance.now() > deadline) {
        started.terminate('SIGKILL')
        throw new Error(`${parts.name} does not answer after ${startWithinMs / 1000} s`, { cause: error })
      }
      await sleep(20)
    }
  }
}
