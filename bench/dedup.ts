import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Core } from '../src/core.ts'
import type { LogRecord } from '../src/log/log.ts'
import { offsetOf } from '../src/log/position.ts'
import { batchOf, untilOf } from '../src/pipeline/batch.ts'
import { fingerprinting, type Message, openSeenMessages, type Prints, type SeenMessages } from '../src/pipeline/dedup/index.ts'
import { type Remembered, rememberMessages } from '../src/pipeline/remembered.ts'
import { interleave } from './interleave.ts'
import { withCore } from './parts/core.ts'
import { shopRecords } from './parts/workload.ts'
import type { Bench, Report } from './report.ts'

const dayMs = 24 * 3600 * 1000
const today = Math.floor(Date.now() / dayMs)
const days = 30
const batchSize = 10_000
/** Of the remembered ids so many are those of messages that can come again; the others are random, as fingerprints are. */
const knownPerBatch = 100
const fingerprintsOf = fingerprinting(Buffer.alloc(32, 1))

/**
 * What dedup costs a pipeline that remembers 50 million messages: memory per id, and throughput with ÷ without.
 * `--ids 5e6` makes it small, `--rounds 30` exact.
 */
const bench: Bench = async report => {
  const ids = Number(report.options.ids ?? 50e6)
  const root = mkdtempSync(join(tmpdir(), 'zhike-bench-dedup-'))
  try {
    await warmUp(join(root, 'warm-up'))
    await measureMemory(join(root, 'p0'), ids, report)
    await checkAnswers(join(root, 'p0'), ids, report)
    await withCore(core => measureThroughput(core, join(root, 'p0'), ids, report))
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

export default bench

/** So that the memory of the program itself, its compiler and its heap is there before measuring. */
async function warmUp(directory: string): Promise<void> {
  const seen = await open(directory)
  await fill(seen, 2e6)
  await seen.close()
}

async function measureMemory(directory: string, ids: number, report: Report): Promise<void> {
  const before = memory()
  const started = performance.now()
  const seen = await open(directory)
  const peak = await fill(seen, ids)
  report.note(`filled with ${ids} ids in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  await settled(seen)
  const { ids: remembered, runs, memoryBytes, diskBytes } = seen.stats()
  report.note(
    `${runs} runs, ${(diskBytes / remembered).toFixed(1)} bytes per id on disk, ${(memoryBytes / remembered).toFixed(2)} in filters and tables`,
  )
  report.figure({
    name: 'memory_per_id',
    value: Math.max(memory() - before, memoryBytes) / remembered,
    must: 4,
    aim: 2,
    better: 'lower',
    unit: 'B',
  })
  report.figure({ name: 'peak_memory_per_id', value: (peak - before) / remembered, better: 'lower', unit: 'B' })
  await seen.close()
}

/** Until a second has passed without a merge. */
async function settled(seen: SeenMessages): Promise<void> {
  for (let quiet = 0; quiet < 10; ) {
    const { isMerging } = seen.stats()
    quiet = isMerging ? 0 : quiet + 1
    await sleep(100)
  }
}

function open(directory: string): Promise<SeenMessages> {
  return openSeenMessages({ directory, now: () => today * dayMs })
}

/**
 * Remembers ids as the pipeline would in thirty days, but without asking first: fingerprints are uniformly random, so random ones stand for
 * messages nobody will send again. Flushes and merges are the real ones.
 * @returns the most memory that was resident meanwhile
 */
async function fill(seen: SeenMessages, ids: number): Promise<number> {
  let peak = 0
  const fresh = new Uint8Array(batchSize).fill(1)
  const prints: Prints = new Uint32Array(batchSize * 4)
  for (let at = 0; at < ids; at += batchSize) {
    const day = today - days + 1 + Math.floor((at / ids) * days)
    randomise(prints, day)
    prints.set(fingerprintsOf(knownMessages(at, knownPerBatch, day)))
    await seen.remember(prints, fresh, at + batchSize)
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  await seen.flush()
  return peak
}

function knownMessages(at: number, count: number, day: number): Message[] {
  const first = (at / batchSize) * knownPerBatch
  return Array.from({ length: count }, (_, i) => ({ source: 'shop', messageId: `known-${first + i}`, receivedAt: day * dayMs }))
}

const state = new Uint32Array(randomBytes(16).buffer.slice(0, 16))

/** xorshift128 (Marsaglia 2003). */
function randomise(prints: Prints, day: number): void {
  let [x = 1, y = 2, z = 3, w = 4] = state
  for (let at = 0; at < prints.length; at++) {
    const t = x ^ (x << 11)
    x = y
    y = z
    z = w
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8)
    prints[at] = (at & 3) === 3 ? (w & 0xffff0000) | day : w
  }
  state.set([x, y, z, w])
}

/** Every message that can come again is a repeat, and as many others are new. */
async function checkAnswers(directory: string, ids: number, report: Report): Promise<void> {
  const started = performance.now()
  const seen = await open(directory)
  report.figure({ name: 'open', value: performance.now() - started, better: 'lower', unit: 'ms' })
  let asked = 0
  let tookMs = 0
  for (let at = 0; at < ids; at += 100 * batchSize) {
    const known = knownMessages(at, Math.min(100, (ids - at) / batchSize) * knownPerBatch, today)
    const others = known.map(({ messageId, ...message }) => ({ ...message, messageId: `${messageId}-other` }))
    const answers = [await seen.probe(fingerprintsOf(others)), fingerprintsOf(known)] as const
    const startedProbe = performance.now()
    const repeats = await seen.probe(answers[1])
    tookMs += performance.now() - startedProbe
    asked += known.length
    if (answers[0].includes(0) || repeats.includes(1)) throw new Error('an answer was wrong')
  }
  report.note(
    `of ${asked} repeats and ${asked} new messages all were recognised; a repeat costs ${((tookMs * 1000) / asked).toFixed(1)} µs`,
  )
  await seen.close()
}

const alwaysNew: Remembered = {
  ask: async batch => ({ fresh: new Uint8Array(batch.items.length).fill(1), remember: async () => {} }),
}

/** The real processor: decode, decide in PostgreSQL, insert into ClickHouse, two batches in flight, with new messages only. */
async function measureThroughput(core: Core, directory: string, ids: number, report: Report): Promise<void> {
  const remembered = await rememberMessages({ directory, now: () => today * dayMs }, fingerprintsOf, batch => offsetOf(untilOf(batch)))
  const batches = Number(report.options.batches ?? 2)
  const people = batchSize / 20
  const cpu = new Map([remembered, alwaysNew].map(way => [way, 0]))
  let offset = ids
  let person = 0
  let warm = 0
  const run = async (way: Remembered): Promise<number> => {
    const records: LogRecord[][] = []
    for (let batch = 0; batch < batches; batch++) {
      records.push(
        [...shopRecords(people, person)].map(record => {
          offset += record.count
          return { ...record, partition: 0, offset: offset - record.count, appendedAt: Date.now() }
        }),
      )
      person += people
    }
    const cpuBefore = process.cpuUsage()
    const started = performance.now()
    const storing: Promise<void>[] = []
    for (const batch of records) {
      const { decision, stored } = await core.processor.process(batchOf(batch), way)
      if (decision.facts.length !== batchSize) throw new Error('a new message was taken for a repeat')
      storing.push(stored)
      if (storing.length === 2) await storing.shift()
    }
    await Promise.all(storing)
    const took = performance.now() - started
    const { user, system } = process.cpuUsage(cpuBefore)
    if (++warm > 2) cpu.set(way, (cpu.get(way) ?? 0) + user + system)
    return (batches * batchSize * 1000) / took
  }
  const rounds = Number(report.options.rounds ?? 12)
  const { a, b, ratio } = await interleave(
    rounds,
    () => run(remembered),
    () => run(alwaysNew),
  )
  report.note(
    `${Math.round(a)} events/s with, ${Math.round(b)} without dedup, medians of ${2 * rounds} times ${batches * batchSize} events each`,
  )
  report.note(`processor time without ÷ with dedup: ${(((cpu.get(alwaysNew) ?? 0) / (cpu.get(remembered) ?? 0)) * 100).toFixed(1)}%`)
  report.figure({ name: 'throughput', value: ratio, must: 0.9, aim: 0.97, better: 'higher', unit: '%' })
  await remembered.close()
}

/** Resident memory without garbage. */
function memory(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage.rss()
}
