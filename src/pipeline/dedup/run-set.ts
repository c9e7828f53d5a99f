import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { type Manifest, readManifest, removeLeftovers, replaceManifest, writeManifest } from './manifest.ts'
import { mergeRuns } from './merge.ts'
import { mergeAside } from './merge-aside.ts'
import { nextMerge } from './merge-plan.ts'
import { bytesPerPrint, dayOf, type Prints } from './prints.ts'
import { Run, RunDamaged, type RunInfo, removeRun, syncRun } from './run.ts'
import { writeRun } from './run-writer.ts'

export interface RunSetOptions {
  directory: string
  now: () => number
  windowDays: number
  /** About how many prints a new run has. */
  runSize: number
  onStep: (step: Step) => void
}

export type Step =
  | { kind: 'run-written' | 'run-synced' | 'run-published'; run: string; count: number }
  | { kind: 'merge-started' | 'merge-written' | 'merge-synced' | 'merge-published' | 'merge-finished'; run: string; count: number }
  | { kind: 'merge-failed'; error: unknown }

export interface RunSetStats {
  /** Those that have expired, but not gone yet, included. */
  ids: number
  runs: number
  isMerging: boolean
  memoryBytes: number
  diskBytes: number
}

const mostRuns = 24

/** @throws RunDamaged */
export async function openRunSet(options: RunSetOptions): Promise<RunSet> {
  const { directory } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const owner = randomUUID()
  const before = (await readManifest(directory)) ?? { format: 1, owner, coveredThrough: 0, runs: [] }
  const runs = before.runs.map(info => openRun(directory, info, owner))
  try {
    for (const run of runs) if (!before.runs.includes(run.info)) await syncRun(directory, run.info.name)
    const manifest: Manifest = { ...before, owner, runs: runs.map(run => run.info) }
    await writeManifest(directory, manifest)
    await removeLeftovers(directory, manifest)
    return new RunSet(options, manifest, runs)
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
    return new Run(directory, mergeRuns({ directory, inputs: [info], output: `${info.name}-${owner}`, firstDay: 0 }))
  }
}

/**
 * The runs of a directory: new ones come, several become one in the background, expired prints go.
 * Whatever happens to the program, the manifest names runs that are whole and durable.
 */
export class RunSet {
  readonly #options: RunSetOptions
  /** Those that are not durable yet included. */
  #runs: Run[]
  /** What is durable. */
  #manifest: Manifest
  #named = 0
  #publishing: Promise<void> = Promise.resolve()
  #merging: { stop(): Promise<void>; finished: Promise<void> } | undefined
  #mergeFailure: unknown
  #readers = 0
  #retired: Run[] = []
  #removing: Promise<unknown> = Promise.resolve()
  #failure: unknown
  #closing = false

  constructor(options: RunSetOptions, manifest: Manifest, runs: Run[]) {
    this.#options = options
    this.#manifest = manifest
    this.#runs = runs
    this.#startMerge()
  }

  get coveredThrough(): number {
    return this.#manifest.coveredThrough
  }

  /** Lets `work` read the runs there are; they stay readable until it is done, also if they are merged meanwhile. */
  async read<T>(work: (runs: readonly Run[]) => Promise<T>): Promise<T> {
    this.#readers++
    try {
      return await work([...this.#runs])
    } finally {
      this.#readers--
      this.#closeRetired()
    }
  }

  /** Adds a run of sorted prints: readable at once, durable in the background, with all before it. */
  add(prints: Prints, coveredThrough: number): void {
    const info = prints.length > 0 ? this.#write(prints) : undefined
    this.#publish(async manifest => {
      if (info) await this.#sync(info, 'run-synced')
      return { ...manifest, coveredThrough, runs: info ? [...manifest.runs, info] : manifest.runs }
    }).then(() => {
      if (info && this.#failure === undefined) this.#tell('run-published', info)
      this.#startMerge()
    })
  }

  /** Waits until a run can be added: the one before is durable, and merges are not far behind. @throws why no run can be added any more */
  async ready(): Promise<void> {
    await this.durable()
    while (this.#runs.length >= mostRuns && !this.#closing) {
      this.#startMerge()
      if (!this.#merging) break
      await this.#merging.finished
      if (this.#mergeFailure !== undefined) throw this.#mergeFailure
    }
    this.check()
  }

  /** Resolves when all that was added is durable. @throws why it is not */
  async durable(): Promise<void> {
    await this.#publishing
    this.check()
  }

  /** What the disk said, or DedupTakenOver: after that nothing is added or merged any more. */
  get failure(): unknown {
    return this.#failure
  }

  /** @throws its failure */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  stats(): RunSetStats {
    const memoryBytes = this.#runs.reduce((sum, run) => sum + run.memoryBytes, 0)
    const ids = countOf(this.#runs.map(run => run.info))
    const isMerging = this.#merging !== undefined
    return { ids, runs: this.#runs.length, isMerging, memoryBytes, diskBytes: ids * bytesPerPrint + memoryBytes }
  }

  /** Merges no more; one under way is given up. */
  async stopMerging(): Promise<void> {
    this.#closing = true
    await this.#merging?.stop()
    await this.#merging?.finished
  }

  async close(): Promise<void> {
    await this.stopMerging()
    await this.#publishing
    for (const run of [...this.#runs, ...this.#retired]) run.close()
    await this.#removing
  }

  #write(prints: Prints): RunInfo {
    try {
      const info = writeRun(this.#options.directory, this.#nextName(), prints)
      this.#runs.push(new Run(this.#options.directory, info))
      this.#tell('run-written', info)
      return info
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  /** One change of the manifest after the other. Never rejects: `check` tells. */
  #publish(change: (manifest: Manifest) => Promise<Manifest>): Promise<void> {
    this.#publishing = this.#publishing.then(async () => {
      if (this.#failure !== undefined) return
      try {
        const manifest = await change(this.#manifest)
        await replaceManifest(this.#options.directory, manifest)
        this.#manifest = manifest
      } catch (error) {
        this.#failure = error
      }
    })
    return this.#publishing
  }

  #startMerge(): void {
    if (this.#merging || this.#closing || this.#failure !== undefined) return
    const { directory, runSize } = this.#options
    const firstDay = this.#firstDay()
    const inputs = nextMerge(this.#manifest.runs, firstDay, runSize)
    if (inputs.length === 0) return
    const output = this.#nextName()
    this.#tell('merge-started', { name: output, count: countOf(inputs) })
    const { done, stop } = mergeAside({ directory, inputs, output, firstDay })
    this.#mergeFailure = undefined
    this.#merging = { stop, finished: this.#finishMerge(done, inputs, output) }
  }

  async #finishMerge(done: Promise<RunInfo | undefined>, inputs: RunInfo[], output: string): Promise<void> {
    try {
      const info = await done
      if (info) await this.#replace(inputs, info)
      else this.#remove(output)
    } catch (error) {
      this.#mergeFailure = error
      this.#remove(output)
      this.#options.onStep({ kind: 'merge-failed', error })
    }
    this.#merging = undefined
    if (this.#mergeFailure === undefined) this.#startMerge()
  }

  async #replace(inputs: RunInfo[], output: RunInfo): Promise<void> {
    this.#tell('merge-written', output)
    await this.#sync(output, 'merge-synced')
    const merged = new Set(inputs.map(run => run.name))
    const outputs = output.count > 0 ? [new Run(this.#options.directory, output)] : []
    await this.#publish(async manifest => ({
      ...manifest,
      runs: [...outputs.map(run => run.info), ...manifest.runs.filter(run => !merged.has(run.name))],
    }))
    if (this.#failure !== undefined) {
      for (const run of outputs) run.close()
      return
    }
    this.#tell('merge-published', output)
    this.#retired.push(...this.#runs.filter(run => merged.has(run.info.name)))
    this.#runs = [...outputs, ...this.#runs.filter(run => !merged.has(run.info.name))]
    if (output.count === 0) this.#remove(output.name)
    this.#closeRetired()
    this.#tell('merge-finished', output)
  }

  async #sync(run: RunInfo, step: 'run-synced' | 'merge-synced'): Promise<void> {
    await syncRun(this.#options.directory, run.name)
    this.#tell(step, run)
  }

  #closeRetired(): void {
    if (this.#readers > 0) return
    for (const run of this.#retired.splice(0)) {
      run.close()
      this.#remove(run.info.name)
    }
  }

  /** In the background. What could not be removed is, when the directory is opened again. */
  #remove(name: string): void {
    this.#removing = Promise.all([this.#removing, removeRun(this.#options.directory, name).catch(() => {})])
  }

  /** Days before this one have expired, with a day to spare for clocks that differ. A clock that ran ahead once forgets nothing. */
  #firstDay(): number {
    const lastDay = Math.max(0, ...this.#manifest.runs.map(run => run.days.at(-1)?.[0] ?? 0))
    return Math.min(lastDay, dayOf(this.#options.now())) - this.#options.windowDays - 1
  }

  #tell(kind: Exclude<Step['kind'], 'merge-failed'>, { name, count }: { name: string; count: number }): void {
    this.#options.onStep({ kind, run: name, count })
  }

  #nextName(): string {
    return `run-${this.#manifest.owner}-${++this.#named}`
  }
}

function countOf(runs: readonly RunInfo[]): number {
  return runs.reduce((sum, run) => sum + run.count, 0)
}
