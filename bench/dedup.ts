import { createCipheriv, createSecretKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { fingerprinting, type Message, openSeenMessages, type Prints, type SeenMessages } from '../src/pipeline/dedup/index.ts'
import { interleave } from './interleave.ts'
import type { Bench, Report } from './report.ts'

const dayMs = 24 * 3600 * 1000
const firstDay = 20_000
const days = 30
const batchSize = 10_000
/** Of the remembered ids so many are those of real messages that can come again; the others are random, as fingerprints are. */
const realPerBatch = 100
const repeatedShare = 0.02
const pipelineMicroseconds = 20

const fingerprintsOf = fingerprinting(randomBytes(32))

/** What dedup costs a pipeline that remembers 50 million messages: memory per id, and throughput with ÷ without. `--ids 5e6` makes it small. */
const bench: Bench = async report => {
  const ids = Number(report.options.ids ?? 50e6)
  const root = mkdtempSync(join(tmpdir(), 'zhike-bench-dedup-'))
  try {
    await warmUp(join(root, 'warm-up'))
    const seen = await measureMemory(join(root, 'p0'), ids, report)
    await measureThroughput(seen, ids, report)
    await measureReopening(join(root, 'p0'), seen, report)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

export default bench

/** So that the memory of the program itself, its compiler and its heap is there before measuring. */
async function warmUp(directory: string): Promise<void> {
  const seen = await open(directory)
  await fill(seen, 2e6)
  const pipeline = standIn(seen)
  for (let batch = 0; batch < 4; batch++) await pipeline(nextBatch(20_000, batch * batchSize).messages, 2e6 + batch * batchSize)
  await seen.close()
}

async function measureMemory(directory: string, ids: number, report: Report): Promise<SeenMessages> {
  const before = memory()
  const started = performance.now()
  const seen = await open(directory)
  const peak = await fill(seen, ids)
  report.note(`filled with ${ids} ids in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  await sleep(5_000)
  const { ids: remembered, runs, memoryBytes, diskBytes } = seen.stats()
  report.note(
    `${runs} runs, ${(diskBytes / remembered).toFixed(1)} bytes per id on disk, ${(memoryBytes / remembered).toFixed(2)} in filters and tables`,
  )
  report.figure({ name: 'memory_per_id', value: (memory() - before) / remembered, must: 4, aim: 2, better: 'lower', unit: 'B' })
  report.figure({ name: 'peak_memory_per_id', value: (peak - before) / remembered, better: 'lower', unit: 'B' })
  return seen
}

async function measureReopening(directory: string, seen: SeenMessages, report: Report): Promise<void> {
  await seen.close()
  const started = performance.now()
  const again = await open(directory)
  report.figure({ name: 'open', value: performance.now() - started, better: 'lower', unit: 'ms' })
  await again.close()
}

function open(directory: string): Promise<SeenMessages> {
  return openSeenMessages({ directory, now: () => (firstDay + days) * dayMs })
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
    const day = firstDay + Math.floor((at / ids) * days)
    randomise(prints, day)
    prints.set(fingerprintsOf(oldMessages(at, day)))
    await seen.remember(prints, fresh, at + batchSize)
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  await seen.flush()
  return peak
}

function oldMessages(at: number, day: number): Message[] {
  return Array.from({ length: realPerBatch }, (_, i) => oldMessage((at / batchSize) * realPerBatch + i, day))
}

function oldMessage(id: number, day: number): Message {
  return { source: 'website', messageId: `old-message-${String(id).padStart(24, '0')}`, receivedAt: day * dayMs }
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

async function measureThroughput(seen: SeenMessages, ids: number, report: Report): Promise<void> {
  const real = (ids / batchSize) * realPerBatch
  const pipeline = standIn(seen)
  const cpu = { with: 0, without: 0 }
  let dedupMs = 0
  let serial = ids
  const run = async (withDedup: boolean): Promise<number> => {
    const { messages, repeats } = nextBatch(real, serial)
    serial += messages.length
    const cpuBefore = process.cpuUsage()
    const started = performance.now()
    const outcome = await pipeline(messages, withDedup ? serial : undefined)
    const took = performance.now() - started
    const { user, system } = process.cpuUsage(cpuBefore)
    if (withDedup && outcome.repeats !== repeats) throw new Error(`${repeats} of a batch were repeats, ${outcome.repeats} were found`)
    cpu[withDedup ? 'with' : 'without'] += user + system
    dedupMs += outcome.dedupMs
    return messages.length / took
  }
  const rounds = Number(report.options.rounds ?? 60)
  const { ratio, runs } = await interleave(
    rounds,
    () => run(true),
    () => run(false),
  )
  const batches = runs.a.length + 1
  report.note(`pipeline: ${pipelineName}; ${batches} batches of ${batchSize} each way, ${repeatedShare * 100}% repeats`)
  report.note(`processor time without ÷ with dedup, flushes and merges included: ${((cpu.without / cpu.with) * 100).toFixed(1)}%`)
  report.note(`dedup took ${((dedupMs * 1000) / (batches * batchSize)).toFixed(2)} µs per event of the pipeline's time`)
  report.figure({ name: 'throughput', value: ratio, must: 0.9, aim: 0.97, better: 'higher', unit: '%' })
}

/** New messages, and among them some that were first received in the last thirty days. */
function nextBatch(real: number, serial: number): { messages: Message[]; repeats: number } {
  let repeats = 0
  const once = new Set<number>()
  const messages = Array.from({ length: batchSize }, (_, i) => {
    const old = Math.floor(Math.random() * real)
    if (Math.random() < repeatedShare && !once.has(old)) {
      once.add(old)
      repeats++
      return oldMessage(old, firstDay + days - 1)
    }
    const messageId = `${String(serial + i).padStart(8, '0')}-5e0a-4d1c-9b1f-${randomBytes(6).toString('hex')}`
    return { source: 'website', messageId, receivedAt: (firstDay + days - 1) * dayMs }
  })
  return { messages, repeats }
}

/** Takes a batch through, with dedup when told the offset after it. */
type PipelineUnderMeasure = (messages: Message[], through: number | undefined) => Promise<{ repeats: number; dedupMs: number }>

const pipelineName = `a stand-in that parses, seals and writes JSON for ${pipelineMicroseconds} µs per event`

/** HOOK: the real pipeline goes here, its batch decided with `seen` or with everything taken for new. */
function standIn(seen: SeenMessages): PipelineUnderMeasure {
  const perEvent = calibrated()
  return async (messages, through) => {
    let dedupMs = 0
    let repeats = 0
    let started = performance.now()
    const prints = through === undefined ? undefined : fingerprintsOf(messages)
    const fresh = prints && (await seen.probe(prints))
    dedupMs += performance.now() - started
    for (let i = 0; i < messages.length; i++) {
      if (fresh && fresh[i] === 0) repeats++
      for (let work = 0; work < perEvent; work++) workOn(i)
    }
    started = performance.now()
    if (prints && fresh && through !== undefined) await seen.remember(prints, fresh, through)
    dedupMs += performance.now() - started
    return { repeats, dedupMs: through === undefined ? 0 : dedupMs }
  }
}

const key = createSecretKey(randomBytes(32))
const bodies = Array.from({ length: 2_000 }, (_, i) =>
  JSON.stringify({
    event: 'Product Viewed',
    properties: { product_id: `p-${i}`, price: i, tags: ['a', 'b'] },
    context: { page: { path: `/p/${i}` } },
  }),
)
const sink = Buffer.alloc(4 * 2 ** 20)
let written = 0

/** A piece of what a pipeline does to an event, over more memory than the caches hold. */
function workOn(i: number): void {
  const body = JSON.parse(bodies[i % bodies.length] ?? '{}')
  body.properties.price++
  const cipher = createCipheriv('aes-256-gcm', key, randomNonce(i))
  const sealed = cipher.update(body.event)
  cipher.final()
  written = (written + sink.write(JSON.stringify(body), written) + sealed.length) % (sink.length - 1_000)
}

function randomNonce(i: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32LE(i)
  return nonce
}

/** How many pieces of work make the stated time per event. */
function calibrated(): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 10; round++) {
    const started = performance.now()
    for (let i = 0; i < 5_000; i++) workOn(i)
    best = Math.min(best, (performance.now() - started) / 5_000)
  }
  return Math.max(1, Math.round(pipelineMicroseconds / 1000 / best))
}

/** Resident memory without garbage. */
function memory(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage.rss()
}
