import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { interleave, median } from './interleave.ts'
import { type Carried, has, type Load, load } from './parts/load.ts'
import { shopEvent } from './parts/workload.ts'
import type { Bench, Report } from './report.ts'

/** Requests a second with key, check and durable acknowledgement ÷ bare node:http + JSON.parse; single events and batches of 100. */
const collect: Bench = async report => {
  if (!(await has('wrk'))) throw new Error('this bench needs wrk: apt-get install wrk')
  // The server has a core to itself, so that what is measured is its work and not what the other cores have to give.
  const pinned = availableParallelism() > 1 && (await has('taskset'))
  const directory = mkdtempSync(join(tmpdir(), 'zhike-bench-'))
  const contenders = { collector: await contender('collector', pinned), bare: await contender('bare', pinned) }
  report.note(pinned ? 'server on core 0, wrk with 64 connections on core 1' : 'wrk with 64 connections, nothing pinned')
  try {
    const batch = Array.from({ length: 100 }, (_, n) => shopEvent(n, n))
    const sentAt = new Date().toISOString()
    for (const [name, path, body] of [
      ['single', '/v1/track', JSON.stringify({ ...shopEvent(1, 1), sentAt })],
      ['batch', '/v1/batch', JSON.stringify({ batch, sentAt })],
    ] as const) {
      const seconds = Number(report.options.seconds ?? 4)
      const rounds = Number(report.options.rounds ?? 3)
      await compare(report, name, contenders, { path, body, headers, connections: 64, seconds }, rounds, directory, pinned ? 1 : undefined)
    }
  } finally {
    for (const { child } of Object.values(contenders)) child.kill()
    rmSync(directory, { recursive: true, force: true })
  }
}
export default collect

const headers = { Authorization: `Basic ${Buffer.from('bench-write-key:').toString('base64')}`, 'Content-Type': 'application/json' }

interface Contender {
  child: ChildProcess
  port: number
}

async function contender(name: 'bare' | 'collector', pinned: boolean): Promise<Contender> {
  const words = [process.execPath, ...process.execArgv, join(import.meta.dirname, 'parts/collect-server.ts'), name]
  const [program, ...rest] = pinned ? ['taskset', '-c', '0', ...words] : words
  const child = spawn(program as string, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [port] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [undefined])])
  if (typeof port !== 'number') throw new Error(`the ${name} server did not start`)
  return { child, port }
}

async function compare(
  report: Report,
  name: string,
  { collector, bare }: Record<'collector' | 'bare', Contender>,
  what: Load,
  rounds: number,
  directory: string,
  core: number | undefined,
): Promise<void> {
  const p99s = { collector: [] as number[], bare: [] as number[] }
  const carried = (contender: Contender, slow: number[]) => async () => {
    const { requestsPerSecond, p99Ms }: Carried = await load(contender.port, what, directory, core)
    slow.push(p99Ms)
    return requestsPerSecond
  }
  const { a, b, ratio } = await interleave(rounds, carried(collector, p99s.collector), carried(bare, p99s.bare))
  // The first of each is the warm-up.
  const [p99, bareP99] = [median(p99s.collector.slice(1)), median(p99s.bare.slice(1))]
  report.note(
    `${name}, ${Buffer.byteLength(what.body)} bytes: ${Math.round(a)} requests/s, p99 ${p99.toFixed(1)} ms; bare ${Math.round(b)}, ${bareP99.toFixed(1)} ms`,
  )
  report.figure({ name: `${name}_rate`, value: ratio, must: 0.7, aim: 0.85, better: 'higher', unit: '%' })
  report.figure({ name: `${name}_p99`, value: p99 / bareP99, must: 3, aim: 1.5, better: 'lower', unit: '×' })
}
