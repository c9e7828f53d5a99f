import { parentPort, workerData } from 'node:worker_threads'
import { type Merge, mergeRuns } from './merge.ts'

parentPort?.postMessage(mergeRuns(workerData as Merge))
