import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Refusal } from '../../refusal.ts'

/** One running child process of an engine. */
export interface EngineProcess {
  pid: number
  /** Resolves when the process has ended, with how. */
  ended: Promise<string>
  /** Asks it to end; nothing happens when it has ended already. */
  terminate(signal: NodeJS.Signals): void
}

export interface EngineParts {
  name: string
  /** Starts a process, the first time on ports of its choice, afterwards where its clients know it. */
  launch(isFirst: boolean): Promise<EngineProcess>
  /** Whether it answers; `starting` when it says itself that it will. @throws when it never will */
  probe(): Promise<'ready' | 'starting' | 'silent'>
  /** How it is asked to end, mildest first: it gets `patienceMs` for each. */
  stopSignals: readonly { signal: NodeJS.Signals; patienceMs: number }[]
  /** Ends what a process that was killed may have left behind. */
  clearAway?(): Promise<void>
  log: Logger
}

/** An engine that runs as a child: started again when it dies, ended with us. */
export interface Engine {
  pid(): number
  /** How often it was started again because it had died. */
  restarts(): number
  stop(): Promise<void>
}

/** Ports may be lost to another program between choosing and listening, and an engine of a process that was just killed may take a moment to leave. */
const firstAttempts = 4
const silentForMs = 120_000
const longestPauseMs = 15_000

/** @throws when the engine does not come up; the sentence holds what it said last */
export async function runEngine(parts: EngineParts): Promise<Engine> {
  const stopped = new AbortController()
  let restarts = 0
  let current = await firstStart(parts)
  const watching = keepAlive()

  async function keepAlive(): Promise<void> {
    for (let failures = 0; !stopped.signal.aborted; ) {
      const since = performance.now()
      const how = await current.ended
      if (stopped.signal.aborted) return
      failures = performance.now() - since > 60_000 ? 1 : failures + 1
      parts.log.error({ engine: parts.name, how, failures }, 'an engine ended by itself; it is started again')
      await sleep(Math.min(100 * 2 ** failures, longestPauseMs), undefined, { signal: stopped.signal }).catch(() => undefined)
      if (stopped.signal.aborted) return
      await startAgain()
    }
  }

  async function startAgain(): Promise<void> {
    try {
      current = await parts.launch(false)
      await answering(parts, current, stopped.signal)
      restarts++
      parts.log.warn({ engine: parts.name, pid: current.pid }, 'an engine runs again')
    } catch (error) {
      parts.log.error({ engine: parts.name, err: error }, 'an engine could not be started')
      await endProcess(current, [{ signal: 'SIGKILL', patienceMs: 0 }])
    }
  }

  return {
    pid: () => current.pid,
    restarts: () => restarts,
    async stop() {
      stopped.abort()
      await endProcess(current, parts.stopSignals)
      await watching
      // One that was being started meanwhile.
      await endProcess(current, parts.stopSignals)
      await parts.clearAway?.()
    },
  }
}

async function firstStart(parts: EngineParts): Promise<EngineProcess> {
  for (let attempt = 1; ; attempt++) {
    const started = await parts.launch(true)
    try {
      await answering(parts, started)
      return started
    } catch (error) {
      await endProcess(started, [{ signal: 'SIGKILL', patienceMs: 0 }])
      if (attempt === firstAttempts || error instanceof Hopeless) throw error
      parts.log.debug({ engine: parts.name, err: error }, 'an engine did not start; trying again')
      await sleep(250 * attempt)
    }
  }
}

/** No further attempt would change it. */
export class Hopeless extends Refusal {
  constructor(code: string, sentence: string) {
    super(500, code, sentence)
    this.name = 'Hopeless'
  }
}

/** Resolves once the process answers, or is to be stopped. @throws when it ends or keeps silent */
async function answering(parts: EngineParts, started: EngineProcess, stopped?: AbortSignal): Promise<void> {
  let ended: string | undefined
  void started.ended.then(how => {
    ended = how
  })
  for (let heardAt = performance.now(); !stopped?.aborted; await sleep(20)) {
    const answer = await parts.probe()
    if (ended !== undefined) throw new Refusal(503, 'engine', `${parts.name} ended while starting: ${ended}`)
    if (answer === 'ready') return
    if (answer === 'starting') heardAt = performance.now()
    if (performance.now() - heardAt > silentForMs)
      throw new Refusal(503, 'engine', `${parts.name} has not answered for ${silentForMs / 1000} s`)
  }
}

async function endProcess(ending: EngineProcess, signals: EngineParts['stopSignals']): Promise<void> {
  for (const { signal, patienceMs } of signals) {
    ending.terminate(signal)
    const waiting = new AbortController()
    const inTime = await Promise.race([
      ending.ended.then(() => true),
      sleep(patienceMs, false, { signal: waiting.signal, ref: false }).catch(() => false),
    ])
    waiting.abort()
    if (inTime) return
  }
  await ending.ended
}

/** What an engine's process sees of our environment: not the secret, and no keys. */
export function engineEnvironment(): NodeJS.ProcessEnv {
  const { PATH, TMPDIR, NODE_OPTIONS, LD_LIBRARY_PATH } = process.env
  const known = { PATH, TMPDIR, NODE_OPTIONS, LD_LIBRARY_PATH, LC_ALL: 'C', TZ: 'UTC' }
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
}
