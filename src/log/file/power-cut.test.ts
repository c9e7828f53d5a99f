import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type FileLog, openFileLog } from './file-log.ts'
import { readAll } from './read-all.ts'
import { WeakDisk } from './weak-disk.ts'

const key = Buffer.alloc(32, 1)

/** One life of a process on the disk: groups of records appended together, then it is killed or the power goes. */
const life = fc.record({
  groups: fc.array(
    fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 1500 }), count: fc.integer({ min: 1, max: 5 }) }), {
      minLength: 1,
      maxLength: 6,
    }),
    {
      minLength: 1,
      maxLength: 12,
    },
  ),
  cutAt: fc.integer({ min: 1, max: 120 }),
  failSyncAt: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 3 }),
  spare: fc.option(fc.integer({ min: 0, max: 8000 }), { freq: 3, nil: Number.POSITIVE_INFINITY }),
  commits: fc.boolean(),
  ends: fc.constantFrom('killed' as const, 'powerless' as const),
})

const cuts = fc.record({ lives: fc.array(life, { minLength: 1, maxLength: 4 }), seed: fc.integer() })

test('what was acknowledged is there after kills, power cuts, failed syncs and a full disk, in order, whole and once', async () => {
  await fc.assert(
    fc.asyncProperty(cuts, async ({ lives, seed }) => {
      const disk = new WeakDisk(chanceFrom(seed))
      let now = 1_700_000_000_000
      const acknowledged = new Map<number, string>()
      let sent = 0
      for (const { groups, cutAt, failSyncAt, spare, commits, ends } of lives) {
        disk.capacity = disk.used + spare
        disk.cutAt = disk.operations + cutAt
        for (const operation of failSyncAt) disk.failSyncAt.add(disk.operations + operation)
        const log = await open(disk, () => now).catch(() => null)
        for (const group of log ? groups : []) {
          const records = group.map(({ bytes, count }) => ({ text: `${sent++}:`.padEnd(bytes, 'x'), count }))
          await Promise.all(
            records.map(async ({ text, count }) => {
              const offset = await log?.append(0, Buffer.from(text), count).catch(() => null)
              if (typeof offset === 'number') acknowledged.set(offset, text)
            }),
          )
          now += 1000
          if (!commits || !log) continue
          await log.commit('reader', 0, log.end(0)).catch(() => {})
          await log.retain().catch(() => {})
        }
        await log?.close().catch(() => {})
        disk.capacity = Number.POSITIVE_INFINITY
        if (ends === 'killed') {
          disk.revive()
          continue
        }
        disk.restart()
        await expectAllIn(disk, acknowledged)
      }
      disk.restart()
      await expectAllIn(disk, acknowledged)
    }),
    { numRuns: 400 },
  )
})

async function expectAllIn(disk: WeakDisk, acknowledged: Map<number, string>): Promise<void> {
  const log = await open(disk, () => 1_700_000_000_000)
  const records = await readAll(log)
  const found = new Map(records.map(({ offset, payload }) => [offset, payload.toString()]))
  for (const [offset, text] of acknowledged) {
    if (offset >= log.start(0)) expect(found.get(offset)).toBe(text)
  }
  expect(log.start(0)).toBeLessThanOrEqual(log.committed('reader', 0))
  expect(log.committed('reader', 0)).toBeLessThanOrEqual(log.end(0))
  for (const text of found.values()) expect(text).toMatch(/^\d+:x*$/)
  expect(new Set(found.values()).size).toBe(records.length)
  let next = log.start(0)
  for (const { offset, count } of records) {
    expect(offset).toBe(next)
    next += count
  }
  expect(log.end(0)).toBe(next)
  await log.close()
  disk.restart()
}

function open(disk: WeakDisk, now: () => number): Promise<FileLog> {
  return openFileLog({
    directory: '/log',
    key,
    now,
    disk,
    segmentBytes: 4000,
    reserveBytes: 0,
    retainEveryMs: 0,
    cacheBytes: 0,
    retention: { minMs: 2000 },
  })
}

/** mulberry32 */
function chanceFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
