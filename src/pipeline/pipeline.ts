import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../log/log.ts'
import type { Processor } from './processor.ts'
import type { Worker } from './worker.ts'

/** Every partition of the log on its way through the processor. */
export class Pipeline {
  readonly #events: Log
  readonly #processor: Processor
  readonly #workers: readonly Worker[]
  readonly #observed: () => Promise<void>

  /** @param observed brings what was seen, but not yet written, into the dictionary */
  constructor(events: Log, processor: Processor, workers: readonly Worker[], observed: () => Promise<void>) {
    this.#events = events
    this.#processor = processor
    this.#workers = workers
    this.#observed = observed
  }

  start(): void {
    for (const worker of this.#workers) worker.start()
  }

  /** Everything acknowledged before this moment (ms) is part of every profile. */
  get asOf(): number {
    return Math.min(...this.#workers.map(worker => worker.asOf))
  }

  /** Why the pipeline does not work, or nothing. */
  get trouble(): string | undefined {
    return this.#workers.map(worker => worker.trouble).find(trouble => trouble !== undefined)
  }

  /** Returns when everything acknowledged before the call is visible in every read. */
  async flush(): Promise<void> {
    const ends = this.#workers.map((_, partition) => this.#events.end(partition))
    for (const [partition, worker] of this.#workers.entries()) {
      worker.hurry()
      while (worker.decided < (ends[partition] ?? 0)) await sleep(5)
      await worker.settled()
    }
    await this.#observed()
  }

  /** Finishes the batches in hand. What is not finished goes on at the next start. */
  async stop(): Promise<void> {
    const stopped = Promise.all(this.#workers.map(worker => worker.stop()))
    const inTime = await Promise.race([stopped.then(() => true), sleep(8_000, false, { ref: false })])
    if (!inTime) this.#processor.stop()
    await stopped
  }
}
