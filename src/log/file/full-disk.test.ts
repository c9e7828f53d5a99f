import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { LogFailed, LogFull } from '../log.ts'
import { nodeDisk } from './disk.ts'
import type { Outcome } from './outcome.ts'
import { readAll } from './read-all.ts'
import { openLog, temporaryDirectory } from './temporary.ts'
import { WeakDisk } from './weak-disk.ts'

test('a record that does not fit any more is refused, nothing of it stays, and the log goes on when there is space', async () => {
  const disk = new WeakDisk(() => 0)
  const outcomes: Outcome[] = []
  const log = await openLog({ directory: '/log', disk, cacheBytes: 0, report: outcome => outcomes.push(outcome) })
  await log.append(0, Buffer.from('first'), 1)
  const before = disk.used
  for (let spare = 0; spare < 150; spare += 7) {
    disk.capacity = before + spare
    await expect(log.append(0, Buffer.alloc(200), 1)).rejects.toThrow(LogFull)
    expect(disk.used).toBe(before)
    expect(log.end(0)).toBe(1)
  }
  expect(outcomes).toContainEqual({ kind: 'write-failed', partition: 0, file: expect.anything(), code: 'ENOSPC', abandoned: false })
  disk.capacity = Number.POSITIVE_INFINITY
  expect(await log.append(0, Buffer.from('second'), 1)).toBe(1)
  expect((await readAll(log)).map(({ payload }) => payload.toString())).toEqual(['first', 'second'])
  expect(await disk.list('/log/0')).toHaveLength(1)
})

test('all who share a frame that fails are refused together', async () => {
  const disk = new WeakDisk(() => 0)
  const log = await openLog({ directory: '/log', disk })
  await log.append(0, Buffer.from('first'), 1)
  disk.capacity = disk.used + 500
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => log.append(0, Buffer.alloc(100), 1)))
  expect(outcomes.map(outcome => outcome.status)).toEqual(Array.from({ length: 10 }, () => 'rejected'))
  expect(await log.append(0, Buffer.alloc(100), 1)).toBe(1)
})

test('after a failed sync the segment is left alone, and the record is refused', async () => {
  const disk = new WeakDisk(() => 0)
  const outcomes: Outcome[] = []
  const log = await openLog({ directory: '/log', disk, cacheBytes: 0, report: outcome => outcomes.push(outcome) })
  await log.append(0, Buffer.from('first'), 1)
  disk.failSyncAt.add(disk.operations + 2)
  await expect(log.append(0, Buffer.from('lost'), 1)).rejects.toThrow(LogFailed)
  expect(outcomes).toEqual([{ kind: 'write-failed', partition: 0, file: '/log/0/000000000000000.log', code: 'EIO', abandoned: true }])
  expect(await log.append(0, Buffer.from('second'), 1)).toBe(1)
  expect((await disk.list('/log/0')).sort()).toEqual(['000000000000000.log', '000000000000001.log'])
  expect((await readAll(log)).map(({ payload }) => payload.toString())).toEqual(['first', 'second'])
})

test('a new segment that cannot be made refuses the record, and is tried again', async () => {
  const disk = new WeakDisk(() => 0)
  const log = await openLog({ directory: '/log', disk, cacheBytes: 0, segmentBytes: 500 })
  await log.append(0, Buffer.alloc(300, 1), 1)
  for (const after of [2, 4]) {
    disk.failSyncAt.add(disk.operations + after + 1)
    await expect(log.append(0, Buffer.alloc(300, 2), 1)).rejects.toThrow(LogFailed)
  }
  disk.capacity = disk.used + 100
  await expect(log.append(0, Buffer.alloc(300, 2), 1)).rejects.toThrow(LogFull)
  disk.capacity = Number.POSITIVE_INFINITY
  expect(await log.append(0, Buffer.alloc(300, 3), 1)).toBe(1)
  expect((await readAll(log)).map(({ payload }) => payload[0])).toEqual([1, 3])
})

test('the reserve of the disk is kept', async () => {
  let free = 1_000_000
  const directory = temporaryDirectory()
  const log = await openLog({ directory, reserveBytes: 900_000, disk: { ...nodeDisk, freeBytes: async () => free } })
  await log.append(0, randomBytes(60_000), 1)
  await log.append(0, randomBytes(60_000), 1)
  await expect(log.append(0, Buffer.alloc(10), 1)).rejects.toThrow(LogFull)
  expect(log.end(0)).toBe(2)
  free = 2_000_000
  await expect.poll(() => log.append(0, Buffer.alloc(10), 1).catch(() => null), { timeout: 3000 }).toBe(2)
})

test('a file system that is really full, where one can be mounted', async context => {
  const directory = temporaryDirectory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory], { stdio: 'ignore' })
  } catch {
    return context.skip('mounting needs root')
  }
  onTestFinished(() => void execFileSync('umount', ['-l', directory]))
  const log = await openLog({ directory, cacheBytes: 0 })
  const filler = join(directory, 'filler')
  writeFileSync(filler, Buffer.alloc(1_000_000))
  const acknowledged: number[] = []
  let refused = 0
  for (let round = 0; round < 12; round++) {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => log.append(0, Buffer.alloc(16_000, round), 1)))
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') acknowledged.push(round)
      else if (outcome.reason instanceof LogFull) refused += 1
    }
    if (round !== 9) continue
    await rm(filler)
    await sleep(200)
  }
  expect(refused).toBeGreaterThan(0)
  expect(acknowledged.length + refused).toBe(96)
  expect(acknowledged.slice(-16)).toEqual([...Array(8).fill(10), ...Array(8).fill(11)])
  await log.close()
  const again = await openLog({ directory })
  expect((await readAll(again)).map(({ payload }) => payload[0])).toEqual(acknowledged)
  const [name = ''] = readdirSync(join(directory, '0'))
  expect(statSync(join(directory, '0', name)).size).toBeGreaterThan(acknowledged.length * 16_000)
})
