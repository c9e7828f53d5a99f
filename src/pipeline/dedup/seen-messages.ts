import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { type Manifest, readManifest, removeLeftovers, replaceManifest, writeManifest } from './manifest.ts'
import { mergeRuns } from './merge.ts'
import { mergeAside } from './merge-aside.ts'
import { nextMerge } from './merge-plan.ts'
import { bytesPerPrint, countOf, dayAt, dayOf, type Prints, repeats, wordsPerPrint } from './prints.ts'
import { Recent } from './recent.ts'
import { dropRepeatsWithin } from './repeats-within.ts'
import { Run, RunDamaged, type RunInfo, removeRun, syncRun } from './run.ts'
import { writeRun } from './run-writer.ts'

export interface SeenMessagesOptions {
  /** One directory per partition. Whoever opens it last owns it. */
  directory: string
  now: () => number
  /** A message that comes again up to so many days after the day it was first received is a repeat. */
  windowDays?: number
  /** Messages in memory before they go to disk. */
  flushAt?: number
  /** Nothing stays in memory only for longer than this, however few messages come: the log need not be kept for it. */
  flushAfterMs?: number
  /** Told of each step of flushing and merging. */
  onStep?: (step: Step) => void
}

export type Step =
  | { kind: 'run-written' | 'run-synced' | 'run-published'; run: string; count: number }
  | { kind: 'merge-started' | 'merge-written' | 'merge-synced' | 'merge-published' | 'merge-finished'; run: string; count: number }
  | { kind: 'merge-failed'; error: unknown }

const mostRuns = 24
const longestReadMs = 5

/**
 * Opens what a partition remembers. The caller then reads the log again from `coveredThrough` and hands it to `replay`.
 * @throws RunDamaged
 */
export async function openSeenMessages(options: SeenMessagesOptions): Promise<SeenMessages> {
  const { directory } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const owner = randomUUID()
  const before = (await readManifest(directory)) ?? { format: 1, owner, coveredThrough: 0, runs: [] }
  const runs = before.runs.map(info => openRun(directory, info, owner))
  try {
    const manifest: Manifest = { ...before, owner, runs: runs.map(run => run.info) }
    for (const run of runs) if (!before.runs.includes(run.info)) await syncRun(directory, run.info.name)
    await writeManifest(directory, manifest)
    await removeLeftovers(directory, manifest)
    return new SeenMessages(options, manifest, runs)
  } catch (error) {
    for (const run of runs) run.close()
    throw error
  }
}

/** A filter that is damaged is made anew from the prints. */
function openRun(directory: string, info: RunInfo, owner: string): Run {
  try {
    return new Run(directory, info)
  } catch (error) {
    if (!(error instanceof RunDamaged) || error.part !== 'filter') throw error
    const output = `${info.name.slice(0, info.name.lastIndexOf('-'))}-${owner}`
    return new Run(directory, mergeRuns({ directory, inputs: [info], output, firstDay: 0 }))
  }
}

/**
 * Which messages a partition has seen in the last days: exact, on disk, with little more in memory than a filter.
 * `probe`, `remember` and `replay` are for one caller, who awaits each before the next.
 */
export class SeenMessages {
  readonly #directory: string
  readonly #now: () => number
  readonly #windowDays: number
  readonly #flushAt: number
  readonly #flushAfterMs: number
  readonly #onStep: (step: Step) => void

  readonly #recent = new Recent()
  /** Those that are not durable yet included. */
  #runs: Run[]
  /** What is durable. */
  #manifest: Manifest
  #through: number
  /** What was remembered before this offset is in runs, durable or about to be. */
  #inRunsThrough: number
  #flushTimer: NodeJS.Timeout | undefined
  #lastDay: number
  #runsNamed = 0

  #publishing: Promise<void> = Promise.resolve()
  #merging: { stop(): Promise<void>; finished: Promise<void> } | undefined
  #mergeFailure: unknown
  #probes = 0
  #retired: Run[] = []
  #removing: Promise<unknown> = Promise.resolve()
  /** Why nothing more is accepted. */
  #failure: unknown
  #closed = false
  #closing: Promise<void> = Promise.resolve()

  constructor(options: SeenMessagesOptions, manifest: Manifest, runs: Run[]) {
    this.#directory = options.directory
    this.#now = options.now
    this.#windowDays = options.windowDays ?? 30
    this.#flushAt = options.flushAt ?? 196_608
    this.#flushAfterMs = options.flushAfterMs ?? 3_600_000
    this.#onStep = options.onStep ?? (() => {})
    this.#manifest = manifest
    this.#runs = runs
    this.#through = manifest.coveredThrough
    this.#inRunsThrough = manifest.coveredThrough
    this.#lastDay = Math.max(0, ...manifest.runs.map(run => run.days.at(-1)?.[0] ?? 0))
    this.#startMerge()
  }

  /** Everything before this offset survives a crash; the log is needed from here on. */
  get coveredThrough(): number {
    return this.#manifest.coveredThrough
  }

  /** Everything before this offset is remembered. */
  get rememberedThrough(): number {
    return this.#through
  }

  /**
   * Says of each message whether it is new (1) or repeats one that is remembered or comes before it in the batch (0). Changes nothing.
   * Messages that are refused must not take part: their prints would count as first within the batch.
   */
  async probe(prints: Prints): Promise<Uint8Array> {
    this.#check()
    this.#probes++
    try {
      const fresh = new Uint8Array(countOf(prints)).fill(1)
      this.#dropRecent(prints, fresh)
      for (const run of [...this.#runs]) await this.#dropRepeatsOf(run, prints, fresh)
      dropRepeatsWithin(prints, fresh, this.#windowDays)
      return fresh
    } finally {
      this.#probes--
      this.#removeRetired()
    }
  }

  /**
   * Remembers the messages that are marked 1 in `fresh`, the answer of `probe`, after the batch has been committed.
   * Resolves at once but for waits on the disk when it is behind.
   * @param through offset after the batch: everything before it has been remembered then
   * @throws what the disk says (no space, taken over …), now and ever after: open it anew then and replay
   */
  async remember(prints: Prints, fresh: Uint8Array, through: number): Promise<void> {
    this.#check()
    if (this.#recent.count > 0 && this.#recent.count + fresh.length > this.#flushAt) await this.#flushRecent()
    for (let i = 0; i < fresh.length; i++) {
      if (fresh[i] === 0) continue
      this.#recent.add(prints, i * wordsPerPrint)
      this.#lastDay = Math.max(this.#lastDay, dayAt(prints, i))
    }
    this.#through = Math.max(this.#through, through)
    this.#flushTimer ??= setTimeout(() => this.flush().catch(() => {}), this.#flushAfterMs).unref()
  }

  /** What was in the log when the program stopped, in the order of the log: remembered as it was then, however often it is replayed. */
  async replay(prints: Prints, through: number): Promise<void> {
    await this.remember(prints, await this.probe(prints), through)
  }

  /** Resolves once everything remembered so far is durable. */
  async flush(): Promise<void> {
    this.#check()
    await this.#flushRecent()
    await this.#publishing
    this.#check()
  }

  /** Flushes, gives up a merge under way, and releases everything. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      this.#closing = this.#close()
    }
    return this.#closing
  }

  stats(): { ids: number; recent: number; runs: number; memoryBytes: number; diskBytes: number } {
    const sum = (of: (run: Run) => number) => this.#runs.reduce((total, run) => total + of(run), 0)
    const inRuns = sum(run => run.info.count)
    return {
      ids: inRuns + this.#recent.count,
      recent: this.#recent.count,
      runs: this.#runs.length,
      memoryBytes: this.#recent.memoryBytes + sum(run => run.memoryBytes),
      diskBytes: inRuns * bytesPerPrint + sum(run => run.memoryBytes),
    }
  }

  #dropRecent(prints: Prints, fresh: Uint8Array): void {
    for (let i = 0; i < fresh.length; i++) {
      const day = this.#recent.dayOf(prints, i * wordsPerPrint)
      if (day !== 0 && repeats(dayAt(prints, i), day, this.#windowDays)) fresh[i] = 0
    }
  }

  /** Reads from disk what the filter does not rule out; lets others run in between when that takes long. */
  async #dropRepeatsOf(run: Run, prints: Prints, fresh: Uint8Array): Promise<void> {
    const candidates = run.candidates(prints, fresh)
    let started = performance.now()
    for (const i of candidates) {
      const day = run.dayOf(prints, i * wordsPerPrint)
      if (day !== 0 && repeats(dayAt(prints, i), day, this.#windowDays)) fresh[i] = 0
      if (performance.now() - started < longestReadMs) continue
      await new Promise(setImmediate)
      started = performance.now()
    }
  }

  /** Makes what is recent a run at once, and durable in the background. Waits for the flush before, and for merges if they are far behind. */
  async #flushRecent(): Promise<void> {
    await this.#publishing
    await this.#fewRuns()
    if (this.#failure !== undefined) throw this.#failure
    if (this.#through === this.#inRunsThrough) return
    const run = this.#recent.count > 0 ? this.#writeRecent() : undefined
    clearTimeout(this.#flushTimer)
    this.#flushTimer = undefined
    const coveredThrough = this.#through
    this.#inRunsThrough = coveredThrough
    this.#publish(async manifest => {
      if (run) await syncRun(this.#directory, run.name)
      if (run) this.#onStep({ kind: 'run-synced', run: run.name, count: run.count })
      return { ...manifest, coveredThrough, runs: run ? [...manifest.runs, run] : manifest.runs }
    }).then(() => {
      if (run) this.#onStep({ kind: 'run-published', run: run.name, count: run.count })
      this.#startMerge()
    })
  }

  #writeRecent(): RunInfo {
    try {
      const info = writeRun(this.#directory, this.#nameRun(), this.#recent.sorted())
      this.#runs.push(new Run(this.#directory, info))
      this.#recent.clear()
      this.#onStep({ kind: 'run-written', run: info.name, count: info.count })
      return info
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  /** One change of the manifest after the other. Never rejects: a failure is for good, the next call says so. */
  #publish(change: (manifest: Manifest) => Promise<Manifest>): Promise<void> {
    this.#publishing = this.#publishing.then(async () => {
      if (this.#failure !== undefined) return
      try {
        const manifest = await change(this.#manifest)
        await replaceManifest(this.#directory, manifest)
        this.#manifest = manifest
      } catch (error) {
        this.#failure = error
      }
    })
    return this.#publishing
  }

  async #fewRuns(): Promise<void> {
    while (this.#runs.length >= mostRuns && !this.#closed) {
      this.#startMerge()
      if (!this.#merging) return
      await this.#merging.finished
      if (this.#mergeFailure !== undefined) throw this.#mergeFailure
    }
  }

  #startMerge(): void {
    if (this.#merging || this.#closed || this.#failure !== undefined) return
    const inputs = nextMerge(this.#manifest.runs, this.#firstDay(), this.#flushAt)
    if (inputs.length === 0) return
    const output = this.#nameRun()
    this.#onStep({ kind: 'merge-started', run: output, count: inputs.reduce((sum, run) => sum + run.count, 0) })
    const { done, stop } = mergeAside({ directory: this.#directory, inputs, output, firstDay: this.#firstDay() })
    this.#mergeFailure = undefined
    this.#merging = { stop, finished: this.#finishMerge(done, inputs, output) }
  }

  async #finishMerge(done: Promise<RunInfo | undefined>, inputs: RunInfo[], output: string): Promise<void> {
    try {
      const info = await done
      if (info) await this.#replaceRuns(inputs, info)
      else this.#remove(output)
    } catch (error) {
      this.#mergeFailure = error
      this.#remove(output)
      this.#onStep({ kind: 'merge-failed', error })
    }
    this.#merging = undefined
    if (this.#mergeFailure === undefined) this.#startMerge()
  }

  async #replaceRuns(inputs: RunInfo[], output: RunInfo): Promise<void> {
    const step = { run: output.name, count: output.count }
    this.#onStep({ kind: 'merge-written', ...step })
    await syncRun(this.#directory, output.name)
    this.#onStep({ kind: 'merge-synced', ...step })
    const outputs = output.count > 0 ? [output] : []
    const opened = outputs.map(info => new Run(this.#directory, info))
    const merged = new Set(inputs.map(run => run.name))
    await this.#publish(async manifest => ({ ...manifest, runs: [...outputs, ...manifest.runs.filter(run => !merged.has(run.name))] }))
    if (this.#failure !== undefined) {
      for (const run of opened) run.close()
      return
    }
    this.#onStep({ kind: 'merge-published', ...step })
    this.#retired.push(...this.#runs.filter(run => merged.has(run.info.name)))
    this.#runs = [...opened, ...this.#runs.filter(run => !merged.has(run.info.name))]
    if (output.count === 0) this.#remove(output.name)
    this.#removeRetired()
    this.#onStep({ kind: 'merge-finished', ...step })
  }

  /** A probe under way may still read runs that have been merged. */
  #removeRetired(): void {
    if (this.#probes > 0) return
    for (const run of this.#retired.splice(0)) {
      run.close()
      this.#remove(run.info.name)
    }
  }

  /** In the background; what could not be removed is, when the directory is opened again. */
  #remove(name: string): void {
    this.#removing = Promise.all([this.#removing, removeRun(this.#directory, name).catch(() => {})])
  }

  /** Days before this one have expired, with a day to spare for clocks that differ. A clock that ran ahead once forgets nothing. */
  #firstDay(): number {
    return Math.min(this.#lastDay, dayOf(this.#now())) - this.#windowDays - 1
  }

  #nameRun(): string {
    return `run-${this.#manifest.owner}-${++this.#runsNamed}`
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closed) throw new Error('this dedup directory has been closed')
  }

  async #close(): Promise<void> {
    clearTimeout(this.#flushTimer)
    const alreadyFailed = this.#failure !== undefined
    await this.#merging?.stop()
    await this.#merging?.finished
    if (!alreadyFailed) await this.#flushRecent().catch(() => {})
    await this.#publishing
    for (const run of [...this.#runs, ...this.#retired]) run.close()
    await this.#removing
    if (!alreadyFailed && this.#failure !== undefined) throw this.#failure
  }
}
