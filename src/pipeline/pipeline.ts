import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../log/log.ts'
import type { Processor } from './processor.ts'
import type { Worker } from './worker.ts'

const mirrorEveryMs = 200

/** Every partition of the log on its way through the processor. */
export class Pipeline {
  readonly #events: Log
  readonly #processor: Processor
  readonly #workers: readonly Worker[]
  readonly #observed: () => Promise<void>
  readonly #mirror: (signal: AbortSignal) => Promise<unknown>
  readonly #stopping = new AbortController()
  #mirroring: Promise<unknown> = Promise.resolve()
  #mirrorFault: unknown

  /**
   * @param observed brings what was seen, but not yet written, into the dictionary
   * @param mirror brings ClickHouse to what was decided beside the events: who is who, facts that change their leaf, the catalogue
   */
  constructor(
    events: Log,
    processor: Processor,
    workers: readonly Worker[],
    observed: () => Promise<void>,
    mirror: (signal: AbortSignal) => Promise<unknown>,
  ) {
    this.#events = events
    this.#processor = processor
    this.#workers = workers
    this.#observed = observed
    this.#mirror = mirror
  }

  start(): void {
    for (const worker of this.#workers) worker.start()
    void this.#keepMirrored()
  }

  /** Everything acknowledged before this moment (ms) is part of every profile. */
  get asOf(): number {
    return Math.min(...this.#workers.map(worker => worker.asOf))
  }

  /** Why the pipeline does not work, or nothing. */
  get trouble(): string | undefined {
    const ofWorkers = this.#workers.map(worker => worker.trouble).find(trouble => trouble !== undefined)
    return (
      ofWorkers ?? (this.#mirrorFault === undefined ? undefined : 'merges, unmerges and the catalogue do not reach ClickHouse; see the log')
    )
  }

  /** Returns when everything acknowledged before the call is visible in every read. */
  async flush(): Promise<void> {
    const ends = this.#workers.map((_, partition) => this.#events.end(partition))
    for (const [partition, worker] of this.#workers.entries()) {
      worker.hurry()
      while (worker.decided < (ends[partition] ?? 0)) await sleep(5)
      await worker.settled()
    }
    await Promise.all([this.#observed(), this.mirrorNow()])
  }

  /** Brings ClickHouse to what identity has decided by now. */
  mirrorNow(): Promise<unknown> {
    this.#mirroring = this.#mirroring.catch(() => undefined).then(() => this.#mirror(this.#stopping.signal))
    return this.#mirroring
  }

  async #keepMirrored(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#mirrorFault = await this.mirrorNow().then(
        () => undefined,
        error => error ?? 'unknown',
      )
      await sleep(mirrorEveryMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
    }
  }

  /** Finishes the batches in hand. What is not finished goes on at the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const stopped = Promise.all(this.#workers.map(worker => worker.stop()))
    const inTime = await Promise.race([stopped.then(() => true), sleep(8_000, false, { ref: false })])
    if (!inTime) this.#processor.stop()
    await stopped
    await this.#mirroring.catch(() => undefined)
  }
}
