import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { LogTrimmed } from '../log.ts'
import { nodeDisk } from './disk.ts'
import type { FileLog } from './file-log.ts'
import type { Outcome } from './outcome.ts'
import { readAll } from './read-all.ts'
import { openLog, temporaryDirectory } from './temporary.ts'

const hour = 3_600_000

test('a segment goes when it is old enough and every consumer has committed it', async () => {
  const { log, advance, files } = await logOfSegments(4)
  advance(25 * hour)
  await log.commit('pipeline', 0, 2)
  await log.commit('archive', 0, 1)
  await log.retain()
  expect(log.start(0)).toBe(1)
  await log.commit('archive', 0, 4)
  await log.retain()
  expect(log.start(0)).toBe(2)
  expect(files()[0]).toBe('000000000000002.log')
  await expect(log.read(0, 1, { maxEvents: 1, maxBytes: 1 })).rejects.toMatchObject(new LogTrimmed(2))
  expect((await readAll(log)).map(({ offset }) => offset)).toEqual([2, 3])
})

test('a committed segment stays for its time', async () => {
  const { log, advance } = await logOfSegments(3)
  await log.commit('pipeline', 0, 3)
  advance(23 * hour)
  await log.retain()
  expect(log.start(0)).toBe(0)
  advance(hour)
  await log.retain()
  expect(log.start(0)).toBe(2)
})

test('while no consumer is known, and while an expected one has committed nothing, all stays', async () => {
  const { log, advance } = await logOfSegments(3)
  advance(1000 * hour)
  await log.retain()
  expect(log.start(0)).toBe(0)
  const expecting = await logOfSegments(3, { consumers: ['pipeline'] })
  expecting.advance(1000 * hour)
  await expecting.log.commit('archive', 0, 3)
  await expecting.log.retain()
  expect(expecting.log.start(0)).toBe(0)
})

test('the segment being written is closed when it is old, so that its records go too', async () => {
  const { log, advance, files } = await logOfSegments(1)
  await log.commit('pipeline', 0, 1)
  advance(24 * hour)
  await log.retain()
  expect(files()).toEqual(['000000000000000.log', '000000000000001.log'])
  advance(24 * hour)
  await log.retain()
  expect(files()).toEqual(['000000000000001.log'])
  expect([log.start(0), log.end(0)]).toEqual([1, 1])
  expect(await log.append(0, Buffer.from('next'), 1)).toBe(1)
})

test('over its size the log gives up committed segments early, never others, and says who holds it up', async () => {
  const { log, outcomes } = await logOfSegments(6, { retention: { maxBytes: 2000 } })
  await log.commit('pipeline', 0, 2)
  outcomes.length = 0
  await log.retain()
  expect(log.start(0)).toBe(2)
  expect(outcomes).toEqual([
    { kind: 'removed', partition: 0, segments: 2, bytes: 1256, start: 2 },
    { kind: 'over-size', partition: 0, bytes: 2512, waitsFor: 'pipeline' },
  ])
  await log.commit('pipeline', 0, 6)
  await log.retain()
  expect(log.start(0)).toBe(3)
})

test('the end is remembered when all records have gone', async () => {
  const { log, advance, directory } = await logOfSegments(2)
  await log.commit('pipeline', 0, 2)
  for (let days = 0; days < 3; days++) {
    advance(24 * hour)
    await log.retain()
  }
  await log.close()
  const again = await openLog({ directory })
  expect([again.start(0), again.end(0), again.committed('pipeline', 0)]).toEqual([2, 2, 2])
})

test('readers beside retention get records or are told where they start', async () => {
  const { log, advance } = await logOfSegments(40)
  advance(25 * hour)
  const seen = { records: 0, trims: 0 }
  const reader = async (ahead: number) => {
    while (log.start(0) < 39) {
      const from = Math.min(39, log.start(0) + ahead)
      await turn()
      try {
        const records = await log.read(0, from, { maxEvents: 2, maxBytes: 10_000 })
        expect(records.map(({ offset, payload }) => offset === payload[0])).not.toContain(false)
        seen.records += records.length
      } catch (error) {
        if (!(error instanceof LogTrimmed)) throw error
        expect(error.start).toBeGreaterThan(from)
        seen.trims += 1
      }
    }
  }
  const reading = Promise.all([0, 0, 0, 1, 2, 3].map(reader))
  for (let committed = 4; committed <= 40; committed += 4) {
    await log.commit('pipeline', 0, committed)
    await log.retain()
  }
  await reading
  expect(seen.records).toBeGreaterThan(0)
  expect(seen.trims).toBeGreaterThan(0)
})

test('a segment that goes while it is being opened is trimmed, not damaged', async () => {
  let meanwhile = async () => {}
  const open = async (path: string) => {
    const first = meanwhile
    meanwhile = async () => {}
    await first()
    return nodeDisk.open(path)
  }
  const { log, advance } = await logOfSegments(3, { disk: { ...nodeDisk, open } })
  await log.commit('pipeline', 0, 2)
  advance(25 * hour)
  meanwhile = () => log.retain()
  await expect(log.read(0, 0, { maxEvents: 1, maxBytes: 1 })).rejects.toMatchObject(new LogTrimmed(2))
})

test('a segment leaves its name first and its content after its key', async () => {
  const steps: string[] = []
  const { log, advance, directory } = await logOfSegments(2, {
    disk: {
      ...nodeDisk,
      async rename(from, to) {
        if (to.endsWith('.gone')) steps.push('renamed')
        await nodeDisk.rename(from, to)
      },
      async open(path) {
        const file = await nodeDisk.open(path)
        return {
          ...file,
          write(parts, position) {
            steps.push(`wrote ${parts[0]?.length} at ${position}`)
            return file.write(parts, position)
          },
        }
      },
      async remove(path) {
        steps.push('removed')
        await nodeDisk.remove(path)
      },
    },
  })
  await log.commit('pipeline', 0, 2)
  advance(25 * hour)
  await log.retain()
  expect(steps).toEqual(['renamed', 'wrote 256 at 0', 'removed'])
  await log.close()
  writeFileSync(join(directory, '0', '000000000000000.log.gone'), Buffer.alloc(300, 1))
  await openLog({ directory })
  expect(readdirSync(join(directory, '0')).filter(name => name.endsWith('.gone'))).toEqual([])
})

async function logOfSegments(count: number, settings: Parameters<typeof openLog>[0] = {}) {
  let now = 1_700_000_000_000
  const directory = temporaryDirectory()
  const outcomes: Outcome[] = []
  const log: FileLog = await openLog({
    directory,
    segmentBytes: 400,
    cacheBytes: 0,
    now: () => now,
    report: outcome => outcomes.push(outcome),
    ...settings,
  })
  for (let n = 0; n < count; n++) await log.append(0, Buffer.alloc(300, n), 1)
  return {
    log,
    directory,
    outcomes,
    advance(ms: number) {
      now += ms
    },
    files: () => readdirSync(join(directory, '0')).sort(),
  }
}
