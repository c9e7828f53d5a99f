import { Worker } from 'node:worker_threads'
import { type Merge, mergeRuns } from './merge.ts'
import type { RunInfo } from './run.ts'

/** A merge under way. */
export interface Merging {
  /** Undefined if it was stopped. */
  done: Promise<RunInfo | undefined>
  /** Ends it at once; what it has written so far stays for `removeLeftovers`. */
  stop(): Promise<void>
}

const smallMerge = 2 ** 16

/** Merges in a thread of its own, which ends with the merge; a small merge is done here, in a few milliseconds. */
export function mergeAside(merge: Merge): Merging {
  const count = merge.inputs.reduce((sum, run) => sum + run.count, 0)
  if (count <= smallMerge) return { done: Promise.try(mergeRuns, merge), stop: async () => {} }
  let worker: Worker | undefined
  const done = new Promise<RunInfo | undefined>((resolve, reject) => {
    // With options of its own, though none, a thread reads NODE_OPTIONS: there stands what takes the types out below node_modules.
    worker = new Worker(new URL('./merge-thread.ts', import.meta.url), { workerData: merge, execArgv: [] })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => resolve(undefined))
  })
  return { done, stop: async () => void (await worker?.terminate()) }
}
