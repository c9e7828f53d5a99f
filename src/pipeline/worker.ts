import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Log } from '../log/log.ts'
import { offsetOf, type Position, partitionOf } from '../log/position.ts'
import type { Postgres } from '../store/postgres.ts'
import { type Batch, batchOf, untilOf } from './batch.ts'
import { acquireLease, advance, holdLease, type Lease, LeaseLost, leaseMs, releaseLease } from './lease.ts'
import type { PipelineMetrics } from './metrics.ts'
import type { Processor } from './processor.ts'
import { forgetFinishedRanges, preparedRanges, type Range } from './ranges.ts'
import type { RememberedMessages } from './remembered.ts'

export interface WorkerDependencies {
  partition: number
  owner: string
  events: Log
  postgres: Postgres
  processor: Processor
  /** Opens what is remembered of the partition's messages. */
  openRemembered: () => Promise<RememberedMessages>
  /** Which positions in `[from, until)` are kept as rejected. */
  rejectedPositions: (from: Position, until: Position) => Promise<Position[]>
  metrics: PipelineMetrics
  log: Logger
  now: () => number
}

const batchLimit = { maxEvents: 10_000, maxBytes: 16 * 2 ** 20 }
/** Below this a batch waits a moment for company: many small parts would cost ClickHouse more than they are worth. */
const smallBatch = 2_000
const lingerMs = 100
/** What may be on its way to ClickHouse: two large batches, or a few small ones, whose inserts mostly wait for the disk. */
const eventsInFlight = 2 * batchLimit.maxEvents
const rangesInFlight = 6

/** Takes one partition of the log through the pipeline, in order, from where the last owner stopped. */
export class Worker {
  readonly #deps: WorkerDependencies
  readonly #stopping = new AbortController()
  readonly #stopped = new Promise(resolve => this.#stopping.signal.addEventListener('abort', resolve))
  readonly #storing = new Map<Position, { events: number; stored: Promise<void> }>()
  #decided = 0
  #decidedAppendedAt = 0
  #ahead: { from: number; read: Promise<ReadBatch> } | undefined
  #trouble: string | undefined
  #hurried = new AbortController()
  #running: Promise<void> | undefined

  constructor(deps: WorkerDependencies) {
    this.#deps = deps
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Everything before this offset is decided; what is still being stored is in `settled`. */
  get decided(): number {
    return this.#decided
  }

  /** Everything acknowledged before this moment (ms) is decided. */
  get asOf(): number {
    return this.#decided === this.#deps.events.end(this.#deps.partition) ? this.#deps.now() : this.#decidedAppendedAt
  }

  /** Resolves when everything decided so far is stored. */
  async settled(): Promise<void> {
    await Promise.all(this.#stores())
  }

  /** Why it does not work at the moment, or nothing. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** Takes what waits now, without waiting for more to come. */
  hurry(): void {
    this.#hurried.abort()
    this.#hurried = new AbortController()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const lease = await this.#lease()
        if (!lease) break
        await this.#own(lease)
      } catch (error) {
        if (signal.aborted) break
        this.#trouble = 'the pipeline met a fault and tries again; see the log'
        this.#deps.log.error({ err: error, partition: this.#deps.partition }, 'the pipeline stumbled and starts again from what is decided')
        await Promise.allSettled(this.#stores())
        await this.#pause(1_000)
      }
    }
    await Promise.allSettled(this.#stores())
  }

  async #lease(): Promise<Lease | undefined> {
    while (!this.#stopping.signal.aborted) {
      const lease = await acquireLease(this.#deps.postgres, this.#deps.partition, this.#deps.owner, this.#deps.now())
      if (lease) return lease
      await this.#pause(leaseMs / 10)
    }
    return undefined
  }

  /** Recovers what the last owner left, then decides batch after batch until stopped or overtaken. */
  async #own(lease: Lease): Promise<void> {
    const { partition, postgres } = this.#deps
    this.#decided = await postgres.transaction(tx => holdLease(tx, lease, this.#deps.now()))
    await this.#complete()
    await forgetFinishedRanges(postgres, partition, this.#deps.now())
    const remembered = await this.#deps.openRemembered()
    try {
      await this.#replay(remembered)
      await this.#work(lease, remembered)
    } finally {
      await remembered
        .close()
        .catch(error => this.#deps.log.error({ err: error, partition }, 'what is remembered of messages could not be saved'))
    }
    await Promise.allSettled(this.#stores())
    await releaseLease(postgres, lease)
  }

  async #work(lease: Lease, remembered: RememberedMessages): Promise<void> {
    const { events, partition } = this.#deps
    let lastBatchAt = 0
    while (!this.#stopping.signal.aborted) {
      this.#deps.metrics.lagEvents.set({ partition: `${partition}` }, events.end(partition) - this.#decided)
      const waiting = events.end(partition) - this.#decided
      if (waiting <= 0) {
        await postgresHeartbeat(this.#deps, lease)
        this.#trouble = undefined
        await Promise.race([events.wait(partition, this.#decided, leaseMs / 3), this.#stopped])
        continue
      }
      const sinceLast = performance.now() - lastBatchAt
      if (waiting < smallBatch && sinceLast < lingerMs) await this.#pause(lingerMs - sinceLast, this.#hurried.signal)
      lastBatchAt = performance.now()
      await this.#next(lease, remembered)
    }
  }

  async #next(lease: Lease, remembered: RememberedMessages): Promise<void> {
    const { events, partition, processor, now } = this.#deps
    const { batch, appendedAt } = await this.#read()
    const until = offsetOf(untilOf(batch))
    // A long queue is read ahead while the stores work on this batch; a short one grows meanwhile.
    if (events.end(partition) - until >= smallBatch) this.#ahead = { from: until, read: readBatch(events, partition, until) }
    this.#ahead?.read.catch(() => undefined)
    const { stored } = await processor.process(batch, remembered, {
      before: async tx => {
        const next = await holdLease(tx, lease, now())
        if (next !== offsetOf(batch.range)) throw new LeaseLost(`partition ${partition} went on elsewhere`)
      },
      after: tx => advance(tx, lease, until),
    })
    this.#decided = until
    this.#trouble = undefined
    this.#decidedAppendedAt = appendedAt
    this.#track(batch.range, batch.items.length, stored)
    while (this.#isFull()) await Promise.race(this.#stores())
  }

  #read(): Promise<ReadBatch> {
    const ahead = this.#ahead
    this.#ahead = undefined
    return ahead?.from === this.#decided ? ahead.read : readBatch(this.#deps.events, this.#deps.partition, this.#decided)
  }

  /** Remembers a range until it is stored, and tells the log how far everything is stored. */
  #track(range: Position, events: number, stored: Promise<void>): void {
    const { events: log, partition } = this.#deps
    const tracked = stored
      .then(() => {
        this.#storing.delete(range)
        const done = Math.min(this.#decided, ...[...this.#storing.keys()].map(offsetOf))
        return log.commit('pipeline', partition, done)
      })
      .catch(() => {
        this.#storing.delete(range)
      })
    this.#storing.set(range, { events, stored: tracked })
  }

  #stores(): Promise<void>[] {
    return [...this.#storing.values()].map(({ stored }) => stored)
  }

  #isFull(): boolean {
    const events = [...this.#storing.values()].reduce((sum, one) => sum + one.events, 0)
    return this.#storing.size >= rangesInFlight || events >= eventsInFlight
  }

  /** Stores what was decided before the last stop and is perhaps not stored. */
  async #complete(): Promise<void> {
    const { events, partition, postgres, processor, log } = this.#deps
    for (const range of await preparedRanges(postgres, partition)) {
      const { items } = await this.#batchOf(range)
      await processor.complete(
        range,
        items.map(item => ('event' in item ? item.event : undefined)),
      )
      log.info({ range: range.range, events: range.until - range.range }, 'completed a range that was decided before the last stop')
    }
    await events.commit('pipeline', partition, this.#decided)
  }

  /** Brings what is remembered up to what is decided, from the log. What comes after it is yet to be decided, and no repeat of itself. */
  async #replay(remembered: RememberedMessages): Promise<void> {
    const { events, partition } = this.#deps
    for (let next = Math.max(remembered.coveredThrough, events.start(partition)); next < this.#decided; ) {
      const records = await events.read(partition, next, batchLimit)
      const batch = batchOf(records.filter(({ offset }) => offset < this.#decided))
      await remembered.replay(batch, await this.#takenOf(batch))
      next = offsetOf(untilOf(batch))
    }
  }

  /** Of a batch that was decided long ago: 1 for what entered, 0 for what was refused and may come again. */
  async #takenOf(batch: Batch): Promise<Uint8Array> {
    const taken = new Uint8Array(batch.items.length).fill(1)
    for (const position of await this.#deps.rejectedPositions(batch.range, untilOf(batch))) taken[position - batch.range] = 0
    return taken
  }

  async #batchOf(range: Range): Promise<Batch> {
    const partition = partitionOf(range.range)
    const items: Batch['items'] = []
    for (let next = offsetOf(range.range); next < offsetOf(range.until); ) {
      const batch = batchOf(await this.#deps.events.read(partition, next, batchLimit))
      items.push(...batch.items)
      next = offsetOf(untilOf(batch))
    }
    return { range: range.range, items: items.slice(0, range.until - range.range) }
  }

  async #pause(ms: number, ...signals: AbortSignal[]): Promise<void> {
    await sleep(ms, undefined, { signal: AbortSignal.any([this.#stopping.signal, ...signals]) }).catch(() => undefined)
  }
}

interface ReadBatch {
  batch: Batch
  /** When its last record was appended, ms. */
  appendedAt: number
}

async function readBatch(events: Log, partition: number, from: number): Promise<ReadBatch> {
  const records = await events.read(partition, from, batchLimit)
  return { batch: batchOf(records), appendedAt: records.at(-1)?.appendedAt ?? 0 }
}

async function postgresHeartbeat({ postgres, now }: WorkerDependencies, lease: Lease): Promise<void> {
  await postgres.transaction(tx => holdLease(tx, lease, now()))
}
