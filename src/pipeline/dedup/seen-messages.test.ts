import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  DedupTakenOver,
  fingerprinting,
  type Message,
  openSeenMessages,
  type Prints,
  RunDamaged,
  type SeenMessages,
  type SeenMessagesOptions,
  type Step,
} from './index.ts'

const dayMs = 24 * 3600 * 1000
const fingerprintsOf = fingerprinting(Buffer.alloc(32, 1))

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'zhike-dedup-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function opened(options: Partial<SeenMessagesOptions> = {}): Promise<SeenMessages> {
  return openSeenMessages({ directory: join(root, 'p0'), now: () => 400 * dayMs, ...options })
}

function message(id: number, day = 400): Message {
  return { source: `source-${id % 3}`, messageId: `message-${id}`, receivedAt: day * dayMs }
}

function messages(from: number, until: number, day = 400): Message[] {
  return Array.from({ length: until - from }, (_, i) => message(from + i, day))
}

async function take(seen: SeenMessages, batch: Message[], through: number): Promise<number[]> {
  const prints = fingerprintsOf(batch)
  const fresh = await seen.probe(prints)
  await seen.remember(prints, fresh, through)
  return [...fresh]
}

/** Says what is new by definition: a map of when each message was first seen. */
class Naive {
  readonly #firstDay = new Map<string, number>()

  process(batch: Message[], windowDays: number): number[] {
    return batch.map(({ source, messageId, receivedAt }) => {
      const key = JSON.stringify([source, messageId])
      const day = Math.floor(receivedAt / dayMs)
      const first = this.#firstDay.get(key)
      if (first !== undefined && day - first <= windowDays) return 0
      this.#firstDay.set(key, day)
      return 1
    })
  }
}

type Action = { kind: 'batch'; ids: number[]; days: number } | { kind: 'wait'; days: number } | { kind: 'flush' | 'restart' | 'crash' }

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      ids: fc.array(fc.nat(400), { minLength: 1, maxLength: 60 }),
      days: fc.oneof(fc.constant(0), fc.nat(2)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), days: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('flush' as const, 'restart' as const, 'crash' as const) }) },
)

test('a message is new exactly when it was not seen in the days before, through flushes, merges, restarts and crashes', async () => {
  const steps = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 120 }), async actions => {
      let copies = 0
      let directory = join(root, 'copy-0')
      const windowDays = 5
      const open = () =>
        openSeenMessages({ directory, windowDays, flushAt: 50, now: () => day * dayMs, onStep: ({ kind }) => steps.add(kind) })
      const log: Message[] = []
      const naive = new Naive()
      let day = 400
      let seen = await open()
      const reopen = async () => {
        seen = await open()
        await seen.replay(fingerprintsOf(log.slice(seen.coveredThrough)), log.length)
      }
      for (const action of actions) {
        if (action.kind === 'batch') {
          const batch = action.ids.map((id, i) => message(id, day + (i > action.ids.length / 2 ? action.days : 0)))
          log.push(...batch)
          expect(await take(seen, batch, log.length)).toEqual(naive.process(batch, windowDays))
        } else if (action.kind === 'wait') {
          day += action.days
        } else if (action.kind === 'flush') {
          await seen.flush()
          expect(seen.coveredThrough).toBe(log.length)
        } else {
          const crashed = join(root, `copy-${++copies}`)
          if (action.kind === 'crash') cpSync(directory, crashed, { recursive: true })
          await seen.close()
          if (action.kind === 'crash') directory = crashed
          await reopen()
        }
      }
      await seen.close()
      for (let i = 0; i <= copies; i++) rmSync(join(root, `copy-${i}`), { recursive: true, force: true })
    }),
    { numRuns: 30 },
  )
  expect(steps).toContain('merge-finished')
})

test('a crash at any step of flushing and merging leaves a directory from which the log can be replayed', async () => {
  const copies: { directory: string; step: Step['kind'] }[] = []
  const directory = join(root, 'p0')
  const seen = await opened({
    flushAt: 100,
    onStep: ({ kind }) => {
      const copy = join(root, `copy-${copies.length}`)
      cpSync(directory, copy, { recursive: true })
      copies.push({ directory: copy, step: kind })
    },
  })
  for (let from = 0; from < 2_000; from += 40) await take(seen, messages(from, from + 40), from + 40)
  await seen.close()

  const kinds = new Set(copies.map(copy => copy.step))
  for (const kind of ['run-written', 'run-synced', 'run-published', 'merge-started', 'merge-written', 'merge-synced', 'merge-published']) {
    expect(kinds).toContain(kind)
  }
  let earliest = 2_000
  for (const copy of copies) {
    const again = await opened({ directory: copy.directory })
    earliest = Math.min(earliest, again.coveredThrough)
    const covered = await again.probe(fingerprintsOf(messages(0, again.coveredThrough)))
    expect(covered.every(flag => flag === 0)).toBe(true)
    await again.replay(fingerprintsOf(messages(again.coveredThrough, 2_000)), 2_000)
    const all = await again.probe(fingerprintsOf(messages(0, 2_100)))
    expect(all.indexOf(1)).toBe(2_000)
    await again.close()
    expect(runFiles(copy.directory).length).toBe(2 * (await runsNamed(copy.directory)).length)
  }
  expect(earliest).toBe(0)
})

test('replaying what is remembered already changes nothing, not even when it expires', async () => {
  const seen = await opened()
  await take(seen, [message(1, 400)], 1)
  expect(await take(seen, [message(1, 420)], 2)).toEqual([0])
  await seen.replay(fingerprintsOf([message(1, 400), message(1, 420)]), 2)
  expect([...(await seen.probe(fingerprintsOf([message(1, 430)])))]).toEqual([0])
  expect([...(await seen.probe(fingerprintsOf([message(1, 431)])))]).toEqual([1])
  await seen.close()
})

test('within a batch the window counts from the message that was remembered, not from its repeats', async () => {
  const seen = await opened()
  await take(seen, [message(1, 400)], 1)
  expect(await take(seen, [message(1, 430), message(1, 431), message(1, 431)], 4)).toEqual([0, 1, 0])
  expect(await take(seen, [message(1, 461), message(1, 462)], 6)).toEqual([0, 1])
  await seen.close()
})

test('probing changes nothing: a batch whose transaction failed is decided the same again', async () => {
  const seen = await opened()
  const prints = fingerprintsOf([message(1), message(2), message(1)])
  expect([...(await seen.probe(prints))]).toEqual([1, 1, 0])
  expect([...(await seen.probe(prints))]).toEqual([1, 1, 0])
  await seen.close()
})

test('a message that is not marked as new is not remembered: what was refused may come again', async () => {
  const seen = await opened()
  const prints = fingerprintsOf([message(1), message(2)])
  await seen.remember(prints, Uint8Array.of(0, 1), 2)
  expect([...(await seen.probe(prints))]).toEqual([1, 0])
  await seen.close()
})

test('what has been in memory for the longest time allowed goes to disk, though nothing more comes', async () => {
  const seen = await opened({ flushAfterMs: 30 })
  await take(seen, messages(0, 10), 10)
  expect(seen.coveredThrough).toBe(0)
  await vi.waitFor(() => expect(seen.coveredThrough).toBe(10))
  await take(seen, messages(0, 10), 20)
  await vi.waitFor(() => expect(seen.coveredThrough).toBe(20))
  expect(seen.stats()).toMatchObject({ ids: 10, recent: 0, runs: 1 })
  await seen.close()
})

test('expired messages leave the disk, and neither runs nor files pile up', async () => {
  let day = 400
  const seen = await opened({ now: () => day * dayMs, windowDays: 30, flushAt: 500 })
  let most = 0
  for (let id = 0; day < 560; day++, id += 200) {
    await take(seen, messages(id, id + 200, day), id + 200)
    await seen.flush()
    if (day > 450) most = Math.max(most, seen.stats().ids)
    expect(seen.stats().runs).toBeLessThanOrEqual(24)
  }
  expect(most).toBeLessThan(200 * 32 * 1.4)
  expect(await take(seen, [message(200 * 140, 570), message(200 * 140 - 1, 570)], 1e6)).toEqual([0, 1])
  await seen.close()
  expect(runFiles(join(root, 'p0')).length).toBe(2 * (await runsNamed(join(root, 'p0'))).length)
})

test('without a window nothing is ever forgotten', async () => {
  const seen = await opened({ now: () => 20_000 * dayMs, windowDays: Number.POSITIVE_INFINITY, flushAt: 20 })
  for (let from = 0; from < 200; from += 20) await take(seen, messages(from, from + 20, 400 + from * 50), from + 20)
  await seen.flush()
  expect((await seen.probe(fingerprintsOf(messages(0, 200, 20_000)))).includes(1)).toBe(false)
  await seen.close()
})

test('a clock that once ran ahead forgets nothing', async () => {
  let day = 400
  const seen = await opened({ now: () => day * dayMs, flushAt: 20 })
  await take(seen, messages(0, 20), 20)
  day = 4000
  for (let from = 20; from < 200; from += 20) await take(seen, messages(from, from + 20), from + 20)
  day = 401
  await take(seen, [message(1000, 4000)], 201)
  for (let from = 200; from < 400; from += 20) await take(seen, messages(from, from + 20), from + 21)
  await seen.flush()
  expect((await seen.probe(fingerprintsOf(messages(0, 400, 401)))).includes(1)).toBe(false)
  await seen.close()
})

test('leftovers of a crash are removed when the directory is opened, other files are not', async () => {
  const seen = await opened({ flushAt: 10 })
  for (let from = 0; from < 30; from += 10) await take(seen, messages(from, from + 10), from + 10)
  await seen.close()
  const directory = join(root, 'p0')
  const before = readdirSync(directory).sort()
  for (const name of ['run-9-lost.run', 'run-9-lost.filter', 'manifest.json.lost', 'keep.txt']) writeFileSync(join(directory, name), 'torn')
  await (await opened()).close()
  expect(readdirSync(directory).sort()).toEqual([...before, 'keep.txt'].sort())
})

test('a filter that is damaged or gone is made anew from its run', async () => {
  for (const damage of [
    (path: string) => rmSync(path),
    (path: string) => truncateSync(path, 100),
    (path: string) => writeFileSync(path, Buffer.alloc(readFileSync(path).length)),
  ]) {
    const seen = await opened()
    await take(seen, messages(0, 1000), 1000)
    await seen.close()
    const [filter] = readdirSync(join(root, 'p0')).filter(name => name.endsWith('.filter'))
    damage(join(root, 'p0', filter ?? ''))
    const again = await opened()
    expect((await again.probe(fingerprintsOf(messages(0, 1100)))).indexOf(1)).toBe(1000)
    await again.close()
    const third = await opened()
    expect(third.stats().ids).toBe(1000)
    await third.close()
  }
})

test('a run that has lost prints is refused when it is opened, one with other prints when it is merged', async () => {
  const seen = await opened({ flushAt: 100 })
  await take(seen, messages(0, 100), 100)
  await seen.flush()
  const [run] = readdirSync(join(root, 'p0')).filter(name => name.endsWith('.run'))
  const path = join(root, 'p0', run ?? '')
  const bytes = readFileSync(path)
  bytes[40] = (bytes[40] ?? 0) ^ 1
  writeFileSync(path, bytes)
  await seen.close()

  const steps: Step[] = []
  const again = await opened({ flushAt: 100, onStep: step => steps.push(step) })
  for (let from = 100; from < 600; from += 100) await take(again, messages(from, from + 100), from + 100)
  await again.close()
  expect(steps.find(step => step.kind === 'merge-failed')).toMatchObject({ error: expect.any(RunDamaged) })
  expect(steps.some(step => step.kind === 'merge-finished')).toBe(false)

  truncateSync(path, 160)
  await expect(opened()).rejects.toThrow(RunDamaged)
})

test('whoever opens a directory last owns it: the one before can write no more', async () => {
  const first = await opened()
  await take(first, messages(0, 10), 10)
  const second = await opened()
  await take(second, messages(10, 20), 20)
  await expect(first.flush()).rejects.toThrow(DedupTakenOver)
  await expect(first.probe(fingerprintsOf([message(1)]))).rejects.toThrow(DedupTakenOver)
  await first.close()
  await second.flush()
  expect([...(await second.probe(fingerprintsOf([message(5), message(15)])))]).toEqual([1, 0])
  await second.close()
})

test('when the disk fails every later call says so, and what is covered stays', async () => {
  const seen = await opened({ flushAt: 10 })
  await take(seen, messages(0, 10), 10)
  await seen.flush()
  cpSync(join(root, 'p0'), join(root, 'kept'), { recursive: true })
  rmSync(join(root, 'p0'), { recursive: true })
  await take(seen, messages(10, 20), 20)
  await expect(take(seen, messages(20, 30), 30)).rejects.toThrow('ENOENT')
  await expect(seen.probe(fingerprintsOf(messages(0, 1)))).rejects.toThrow('ENOENT')
  await expect(seen.flush()).rejects.toThrow('ENOENT')
  expect(seen.coveredThrough).toBe(10)
  await seen.close()
  expect(existsSync(join(root, 'p0'))).toBe(false)
})

test('of millions of ids each takes less than 1.6 bytes of memory, beside a table of fixed size', async () => {
  const count = 16 * 190_000
  const seen = await opened({ flushAt: 190_000 })
  for (let through = 10_000; through <= count; through += 10_000) {
    await seen.remember(randomPrints(10_000), new Uint8Array(10_000).fill(1), through)
  }
  await seen.flush()
  await vi.waitFor(() => expect(seen.stats().runs).toBe(1), { timeout: 30_000 })
  const { ids, memoryBytes, diskBytes } = seen.stats()
  const table = 2 ** 18 * 17
  expect(ids).toBe(count)
  expect((memoryBytes - table) / ids).toBeLessThan(1.6)
  expect(diskBytes / ids).toBeLessThan(18)
  await seen.close()
})

function randomPrints(count: number): Prints {
  const prints = Uint32Array.from({ length: count * 4 }, () => Math.random() * 2 ** 32)
  for (let at = 3; at < prints.length; at += 4) prints[at] = ((prints[at] ?? 0) & 0xffff0000) | 400
  return prints
}

function runFiles(directory: string): string[] {
  return readdirSync(directory).filter(name => name.startsWith('run-'))
}

async function runsNamed(directory: string): Promise<unknown[]> {
  return JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')).runs
}
