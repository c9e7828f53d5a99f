import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LogBusy, LogClosed, LogTrimmed } from '../log.ts'
import { readAll } from './read-all.ts'
import { LogKeyWrong } from './segment.ts'
import { openLog, temporaryDirectory } from './temporary.ts'

const everything = { maxEvents: 1_000_000, maxBytes: 2 ** 30 }

test('a record takes as many offsets as it holds events', async () => {
  const log = await openLog()
  expect(await log.append(0, Buffer.from('one'), 1)).toBe(0)
  expect(await log.append(0, Buffer.from('three'), 3)).toBe(1)
  expect(await log.append(0, Buffer.from('next'), 1)).toBe(4)
  expect(log.end(0)).toBe(5)
  expect(await log.read(0, 0, everything)).toEqual([
    { partition: 0, offset: 0, count: 1, appendedAt: 1_700_000_000_000, payload: Buffer.from('one') },
    { partition: 0, offset: 1, count: 3, appendedAt: 1_700_000_000_000, payload: Buffer.from('three') },
    { partition: 0, offset: 4, count: 1, appendedAt: 1_700_000_000_000, payload: Buffer.from('next') },
  ])
})

test('records appended together are acknowledged in their order', async () => {
  const log = await openLog()
  const offsets = await Promise.all(Array.from({ length: 500 }, (_, n) => log.append(0, Buffer.from(`${n}`), 1)))
  expect(offsets).toEqual(Array.from({ length: 500 }, (_, n) => n))
})

test.each([{ cacheBytes: 0 }, { cacheBytes: 2 ** 20 }])(
  'reading ends before a record too many, and gives one at least: $cacheBytes',
  async settings => {
    const log = await openLog(settings)
    for (const text of ['aaaa', 'bbbb', 'cccc']) await log.append(0, Buffer.from(text), 10)
    const texts = async (from: number, maxEvents: number, maxBytes: number) =>
      (await log.read(0, from, { maxEvents, maxBytes })).map(({ payload }) => payload.toString())
    expect(await texts(0, 20, 100)).toEqual(['aaaa', 'bbbb'])
    expect(await texts(0, 29, 100)).toEqual(['aaaa', 'bbbb'])
    expect(await texts(0, 100, 11)).toEqual(['aaaa', 'bbbb'])
    expect(await texts(0, 1, 1)).toEqual(['aaaa'])
    expect(await texts(13, 100, 100)).toEqual(['bbbb', 'cccc'])
    expect(await texts(30, 100, 100)).toEqual([])
    expect(await texts(31, 100, 100)).toEqual([])
  },
)

test('a log opened again goes on where it ended', async () => {
  const directory = temporaryDirectory()
  const first = await openLog({ directory, segmentBytes: 2000 })
  for (let n = 0; n < 30; n++) await first.append(0, Buffer.from(`${n}`.padEnd(300, '.')), 2)
  await first.close()
  const again = await openLog({ directory, segmentBytes: 2000 })
  expect(again.end(0)).toBe(60)
  expect(await again.append(0, Buffer.from('30'), 1)).toBe(60)
  expect((await readAll(again)).map(({ payload }) => Number.parseInt(payload.toString(), 10))).toEqual(
    Array.from({ length: 31 }, (_, n) => n),
  )
  expect(readdirSync(join(directory, '0')).length).toBeGreaterThan(3)
})

test('partitions count by themselves, and none may be left behind', async () => {
  const directory = temporaryDirectory()
  const log = await openLog({ directory, partitions: 3 })
  await log.append(0, Buffer.from('zero'), 5)
  expect(await log.append(2, Buffer.from('two'), 1)).toBe(0)
  expect([log.end(0), log.end(1), log.end(2)]).toEqual([5, 0, 1])
  await expect(log.append(3, Buffer.from('x'), 1)).rejects.toThrow(RangeError)
  await log.close()
  await expect(openLog({ directory, partitions: 2 })).rejects.toThrow('open it with 3')
  const more = await openLog({ directory, partitions: 4 })
  expect((await more.read(2, 0, everything)).map(({ payload }) => payload.toString())).toEqual(['two'])
})

test('waiting ends when a record comes, when the time is over, or when the log closes', async () => {
  const log = await openLog()
  expect(await log.wait(0, 0, 10)).toBe(false)
  const first = log.wait(0, 0, 60_000)
  const later = log.wait(0, 2, 60_000)
  await log.append(0, Buffer.from('a'), 1)
  expect(await first).toBe(true)
  expect(await log.wait(0, 0, 60_000)).toBe(true)
  await log.append(0, Buffer.from('b'), 1)
  const pending = await Promise.race([later, Promise.resolve('still waiting')])
  expect(pending).toBe('still waiting')
  await log.close()
  expect(await later).toBe(false)
})

test('a consumer goes on where it committed, never backwards and never beyond the end', async () => {
  const directory = temporaryDirectory()
  const log = await openLog({ directory })
  await log.append(0, Buffer.from('a'), 10)
  expect(log.committed('pipeline', 0)).toBe(0)
  await Promise.all([3, 7, 5].map(offset => log.commit('pipeline', 0, offset)))
  await log.commit('pipeline', 0, 4)
  await expect(log.commit('pipeline', 0, 11)).rejects.toThrow(RangeError)
  await expect(log.commit('../pipeline', 0, 1)).rejects.toThrow(RangeError)
  await log.close()
  const again = await openLog({ directory })
  expect(again.committed('pipeline', 0)).toBe(7)
  expect(again.committed('other', 0)).toBe(0)
})

test('nothing of a record can be read in the files', async () => {
  const directory = temporaryDirectory()
  const log = await openLog({ directory })
  const secret = 'phone 19900001234 of nobody'
  await log.append(0, Buffer.from(secret), 1)
  await log.append(0, Buffer.from(secret.repeat(100)), 1)
  await log.close()
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  const content = Buffer.concat(files.map(file => readFileSync(join(file.parentPath, file.name))))
  expect(content.length).toBeGreaterThan(secret.length * 101)
  expect(content.includes(secret.slice(0, 8))).toBe(false)
})

test('another key is refused in a sentence, and leaves the log as it was', async () => {
  const directory = temporaryDirectory()
  const log = await openLog({ directory })
  await log.append(0, Buffer.from('mine'), 1)
  await log.close()
  const failure = await openLog({ directory, key: Buffer.alloc(32, 2) }).catch(error => error)
  expect(failure).toBeInstanceOf(LogKeyWrong)
  expect(failure.message).toContain('start with the secret it was written with')
  const again = await openLog({ directory })
  expect((await readAll(again)).map(({ payload }) => payload.toString())).toEqual(['mine'])
})

test('no two segments share a key', async () => {
  const directory = temporaryDirectory()
  const log = await openLog({ directory, segmentBytes: 400 })
  for (let n = 0; n < 3; n++) await log.append(0, Buffer.alloc(300), 1)
  const wrapped = readdirSync(join(directory, '0')).map(name =>
    readFileSync(join(directory, '0', name))
      .subarray(24, 84)
      .toString('hex'),
  )
  expect(new Set(wrapped).size).toBe(3)
})

test('more waiting than memory is given for is refused, and taken again once it is written', async () => {
  const log = await openLog({ queueBytes: 10_000 })
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => log.append(0, Buffer.alloc(1000), 1)))
  const refused = outcomes.filter(outcome => outcome.status === 'rejected')
  expect(refused.length).toBe(13)
  expect(refused.every(({ reason }) => reason instanceof LogBusy)).toBe(true)
  expect(log.end(0)).toBe(7)
  expect(await log.append(0, Buffer.alloc(20_000), 1)).toBe(7)
})

test('a record that can never be taken is a mistake of the caller', async () => {
  const log = await openLog()
  await expect(log.append(0, Buffer.from('x'), 0)).rejects.toThrow(RangeError)
  await expect(log.append(0, Buffer.from('x'), 1.5)).rejects.toThrow(RangeError)
  await expect(log.append(0, Buffer.from('x'), 2 ** 20 + 1)).rejects.toThrow(RangeError)
  await expect(log.append(0, Buffer.alloc(33 * 2 ** 20), 1)).rejects.toThrow(RangeError)
})

test('closing writes what was taken and refuses what comes after', async () => {
  const directory = temporaryDirectory()
  const log = await openLog({ directory })
  const taken = Array.from({ length: 100 }, (_, n) => log.append(0, Buffer.alloc(100_000, n), 1))
  const closing = log.close()
  await expect(log.append(0, Buffer.from('late'), 1)).rejects.toThrow(LogClosed)
  await closing
  expect(await Promise.all(taken)).toHaveLength(100)
  await expect(log.read(0, 0, everything)).rejects.toThrow(LogClosed)
  const again = await openLog({ directory })
  expect((await readAll(again)).map(({ payload }) => payload[99_999])).toEqual(Array.from({ length: 100 }, (_, n) => n))
})

test('offsets that somebody has used are not given out again when files are lost', async () => {
  const outcomes: unknown[] = []
  const log = await openLog({ notBefore: async () => 40, report: outcome => outcomes.push(outcome) })
  expect(await log.append(0, Buffer.from('new'), 1)).toBe(40)
  expect(outcomes).toMatchObject([{ kind: 'damaged', from: 0, to: 40 }])
  await expect(log.read(0, 0, everything)).rejects.toThrow(LogTrimmed)
})

test('waiting records are written in frames of bounded size, in order', async () => {
  const log = await openLog()
  const sizes = [5_000_000, 10, 1_500_000, 1_500_000, 1_500_000, 6_000_000, 0, 0]
  const offsets = await Promise.all(sizes.map((size, n) => log.append(0, Buffer.alloc(size, n), n === 6 ? 2 ** 20 : 1)))
  expect(offsets).toEqual([0, 1, 2, 3, 4, 5, 6, 6 + 2 ** 20])
  expect((await readAll(log)).map(({ payload }) => payload.length)).toEqual(sizes)
})
