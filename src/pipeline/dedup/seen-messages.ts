import { countOf, dayAt, type Prints, repeats, wordsPerPrint } from './prints.ts'
import { Recent } from './recent.ts'
import { dropRepeatsWithin } from './repeats-within.ts'
import type { Run } from './run.ts'
import { openRunSet, type RunSet, type RunSetStats, type Step } from './run-set.ts'

export interface SeenMessagesOptions {
  /** One directory per partition. Whoever opens it last owns it. */
  directory: string
  now: () => number
  /** A message that comes again up to so many days after the day it was first received is a repeat. Infinity: for ever. */
  windowDays?: number
  /** Messages in memory before they go to disk. */
  flushAt?: number
  /** Nothing stays in memory only for longer than this, however few messages come: the log need not be kept for it. */
  flushAfterMs?: number
  /** Told of each step of flushing and merging. */
  onStep?: (step: Step) => void
}

interface Limits {
  windowDays: number
  flushAt: number
  flushAfterMs: number
}

const longestReadMs = 5

/**
 * Opens what a partition remembers. The caller then reads the log again from `coveredThrough` and hands it to `replay`.
 * @throws RunDamaged
 */
export async function openSeenMessages({
  directory,
  now,
  windowDays = 30,
  flushAt = 196_608,
  flushAfterMs = 3_600_000,
  onStep = () => {},
}: SeenMessagesOptions): Promise<SeenMessages> {
  const runs = await openRunSet({ directory, now, windowDays, runSize: flushAt, onStep })
  return new SeenMessages(runs, { windowDays, flushAt, flushAfterMs })
}

/**
 * Which messages a partition has seen in the last days: exact, on disk, with little more in memory than a filter.
 * `probe`, `remember` and `replay` are for one caller, who awaits each before the next.
 */
export class SeenMessages {
  readonly #runs: RunSet
  readonly #limits: Limits
  readonly #recent = new Recent()
  #through: number
  /** What was remembered before this offset is in runs, durable or about to be. */
  #inRunsThrough: number
  #flushTimer: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(runs: RunSet, limits: Limits) {
    this.#runs = runs
    this.#limits = limits
    this.#through = runs.coveredThrough
    this.#inRunsThrough = runs.coveredThrough
  }

  /** Everything before this offset survives a crash; the log is needed from here on. */
  get coveredThrough(): number {
    return this.#runs.coveredThrough
  }

  /** Everything before this offset is remembered. */
  get rememberedThrough(): number {
    return this.#through
  }

  /**
   * Says of each message whether it is new (1) or repeats one that is remembered or comes before it in the batch (0). Changes nothing.
   * What is refused before this must not take part: it would count as the first of its repeats in the batch.
   */
  async probe(prints: Prints): Promise<Uint8Array> {
    this.#check()
    const fresh = new Uint8Array(countOf(prints)).fill(1)
    return this.#runs.read(async runs => {
      this.#dropRepeatsOfRecent(prints, fresh)
      for (const run of runs) await this.#dropRepeatsOf(run, prints, fresh)
      dropRepeatsWithin(prints, fresh, this.#limits.windowDays)
      return fresh
    })
  }

  /**
   * Remembers the messages that are marked 1 in `fresh`, the answer of `probe`, after the batch has been committed.
   * Resolves at once, but waits for the disk when it is behind.
   * @param through offset after the batch: everything before it has been remembered then
   * @throws what the disk said, or DedupTakenOver, now and ever after: close it, open it anew and replay
   */
  async remember(prints: Prints, fresh: Uint8Array, through: number): Promise<void> {
    this.#check()
    if (this.#recent.count > 0 && this.#recent.count + fresh.length > this.#limits.flushAt) await this.#flush()
    for (let i = 0; i < fresh.length; i++) {
      if (fresh[i] !== 0) this.#recent.add(prints, i * wordsPerPrint)
    }
    this.#through = Math.max(this.#through, through)
    this.#flushTimer ??= setTimeout(() => this.#flush().catch(() => {}), this.#limits.flushAfterMs).unref()
  }

  /** What was in the log when the program stopped, in the order of the log: remembered as it was then, however often it is replayed. */
  async replay(prints: Prints, through: number): Promise<void> {
    await this.remember(prints, await this.probe(prints), through)
  }

  /** Resolves once everything remembered so far is durable. */
  async flush(): Promise<void> {
    this.#check()
    await this.#flush()
    await this.#runs.durable()
  }

  /** Flushes, gives up a merge under way, and releases everything. @throws what the disk said, if it is the first to hear */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  stats(): RunSetStats & { recent: number } {
    const { ids, memoryBytes, ...runs } = this.#runs.stats()
    return { ...runs, ids: ids + this.#recent.count, recent: this.#recent.count, memoryBytes: memoryBytes + this.#recent.memoryBytes }
  }

  #dropRepeatsOfRecent(prints: Prints, fresh: Uint8Array): void {
    for (let i = 0; i < fresh.length; i++) {
      if (this.#isRepeat(prints, i, this.#recent.dayOf(prints, i * wordsPerPrint))) fresh[i] = 0
    }
  }

  /** Reads from disk what the filter does not rule out; lets others run in between when that takes long. */
  async #dropRepeatsOf(run: Run, prints: Prints, fresh: Uint8Array): Promise<void> {
    let started = performance.now()
    for (const i of run.candidates(prints, fresh)) {
      if (this.#isRepeat(prints, i, run.dayOf(prints, i * wordsPerPrint))) fresh[i] = 0
      if (performance.now() - started < longestReadMs) continue
      await new Promise(setImmediate)
      started = performance.now()
    }
  }

  #isRepeat(prints: Prints, i: number, rememberedDay: number): boolean {
    return rememberedDay !== 0 && repeats(dayAt(prints, i), rememberedDay, this.#limits.windowDays)
  }

  /** Makes a run of what is recent. */
  async #flush(): Promise<void> {
    clearTimeout(this.#flushTimer)
    this.#flushTimer = undefined
    await this.#runs.ready()
    if (this.#through === this.#inRunsThrough) return
    this.#runs.add(this.#recent.sorted(), this.#through)
    this.#recent.clear()
    this.#inRunsThrough = this.#through
  }

  #check(): void {
    if (this.#closing) throw new Error('this dedup directory has been closed')
    this.#runs.check()
  }

  async #close(): Promise<void> {
    clearTimeout(this.#flushTimer)
    await this.#runs.stopMerging()
    try {
      if (this.#runs.failure === undefined) await this.#flush().then(() => this.#runs.durable())
    } finally {
      await this.#runs.close()
    }
  }
}
