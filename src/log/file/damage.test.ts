import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { type Log, LogCorrupt, type LogRecord } from '../log.ts'
import { openFileLog } from './file-log.ts'
import { frameHeaderBytes, headerAt } from './frame.ts'
import type { Outcome } from './outcome.ts'
import { segmentHeaderBytes } from './segment.ts'
import { openLog, temporaryDirectory } from './temporary.ts'

interface Place {
  name: string
  bytes: number
  base: number
  /** Each frame: its offsets and where it ends. */
  frames: { from: number; to: number; start: number; end: number }[]
}

const segments: { content: Buffer; place: Place }[] = []
const payloads = new Map<number, string>()
let end = 0

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'zhike-log-'))
  const log = await openFileLog({ directory, key: Buffer.alloc(32, 1), now: Date.now, segmentBytes: 6000 })
  for (let group = 0; group < 14; group++) {
    await Promise.all(
      Array.from({ length: 1 + (group % 4) }, async (_, n) => {
        const text = `${group}.${n} `.padEnd(((group * 7 + n) * 97) % 1100, '~')
        payloads.set(await log.append(0, Buffer.from(text), 1 + (n % 3)), text)
      }),
    )
  }
  end = log.end(0)
  await log.close()
  for (const name of readdirSync(join(directory, '0')).sort()) segments.push(placeOf(name, readFileSync(join(directory, '0', name))))
  rmSync(directory, { recursive: true })
  expect(segments.length).toBeGreaterThan(1)
})

test('a file cut at any byte: every frame before the cut is there, the torn one is not, and the log goes on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), async share => {
      const { place } = lastSegment()
      const cut = Math.floor(share * place.bytes)
      const outcomes: Outcome[] = []
      const directory = copyOf()
      truncateSync(join(directory, '0', place.name), cut)
      const log = await openLog({ directory, report: outcome => outcomes.push(outcome) })
      const whole = place.frames.filter(frame => frame.end <= cut)
      const expected = whole.at(-1)?.to ?? place.base
      expect(log.end(0)).toBe(expected)
      expect(await textsOf(log)).toEqual(textsBefore(expected))
      const torn = cut - (cut < segmentHeaderBytes ? 0 : (whole.at(-1)?.end ?? segmentHeaderBytes))
      const cutTail = { kind: 'tail-cut', partition: 0, file: join(directory, '0', place.name), bytes: torn }
      expect(outcomes).toEqual(torn > 0 || cut < segmentHeaderBytes ? [cutTail] : [])
      expect(await log.append(0, Buffer.from('new'), 2)).toBe(expected)
      await log.close()
      const again = await openLog({ directory, report: outcome => outcomes.push(outcome) })
      expect(await textsOf(again)).toEqual([...textsBefore(expected), [expected, 'new']])
    }),
    { numRuns: 150 },
  )
})

test('bits flipped anywhere: no wrong record is returned, none is dropped in silence, and reading can go on behind it', async () => {
  const where = fc.record({
    segment: fc.nat(99),
    share: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    bit: fc.nat(7),
    length: fc.integer({ min: 1, max: 200 }),
  })
  await fc.assert(
    fc.asyncProperty(where, async ({ segment, share, bit, length }) => {
      const { content, place } = segments[segment % segments.length] ?? lastSegment()
      const at = Math.floor(share * content.length)
      const damaged = Buffer.from(content)
      for (let n = at; n < Math.min(content.length, at + length); n++) damaged.writeUInt8(damaged.readUInt8(n) ^ (1 << bit), n)
      const outcomes: Outcome[] = []
      const directory = copyOf()
      writeFileSync(join(directory, '0', place.name), damaged)
      const log = await openLog({ directory, report: outcome => outcomes.push(outcome) })

      const { records, gaps } = await readPast(log)
      const hit = place.frames.filter(frame => frame.start < at + length && frame.end > at)
      const lost = headerLost(damaged, content) ? [{ from: place.base, to: place.frames.at(-1)?.to ?? 0 }] : hit
      const isLost = (offset: number) => lost.some(({ from, to }) => offset >= from && offset < to)
      expect(records.map(({ offset, payload }) => [offset, payload.toString()])).toEqual(
        [...payloads].filter(([offset]) => !isLost(offset)),
      )
      for (const { from, to } of lost) {
        const met = gaps.some(gap => gap.from <= from && gap.resumeAt >= to)
        const tail = to === end && outcomes.some(outcome => outcome.kind === 'tail-cut')
        expect(met || tail).toBe(true)
      }
      const next = await log.append(0, Buffer.from('new'), 1)
      expect((await log.read(0, next, { maxEvents: 1, maxBytes: 1 })).map(({ payload }) => payload.toString())).toEqual(['new'])
    }),
    { numRuns: 200 },
  )
})

test('damage that is there when the log opens is reported with its place', async () => {
  const { content, place } = lastSegment()
  const frame = place.frames[1]
  if (!frame) throw new Error('the last segment has one frame only')
  const directory = copyOf()
  const damaged = Buffer.from(content)
  damaged.writeUInt8(damaged.readUInt8(frame.start + 70) ^ 1, frame.start + 70)
  writeFileSync(join(directory, '0', place.name), damaged)
  const outcomes: Outcome[] = []
  const log = await openLog({ directory, report: outcome => outcomes.push(outcome) })
  const file = join(directory, '0', place.name)
  expect(outcomes).toEqual([{ kind: 'damaged', partition: 0, file, position: frame.start, from: frame.from, to: frame.to }])
  const failure = await log.read(0, frame.from, { maxEvents: 10, maxBytes: 1000 }).catch(error => error)
  expect(failure).toBeInstanceOf(LogCorrupt)
  expect(failure).toMatchObject({ partition: 0, from: frame.from, resumeAt: frame.to })
})

test('a frame of one place does not open in another', async () => {
  const [first, second] = segments
  if (!first || !second) throw new Error('there are two segments')
  const directory = copyOf()
  const [from] = first.place.frames
  const moved = Buffer.from(second.content)
  first.content.copy(moved, segmentHeaderBytes, from?.start, from?.end)
  writeFileSync(join(directory, '0', second.place.name), moved)
  const log = await openLog({ directory })
  await expect(log.read(0, second.place.base, { maxEvents: 1, maxBytes: 1 })).rejects.toThrow(LogCorrupt)
})

test('a frame taken out without a trace is missed', async () => {
  const { place, content } = segments[0] ?? lastSegment()
  const [, second] = place.frames
  const directory = copyOf()
  writeFileSync(join(directory, '0', place.name), Buffer.concat([content.subarray(0, second?.start), content.subarray(second?.end)]))
  const log = await openLog({ directory })
  const failure = await log.read(0, second?.from ?? 0, { maxEvents: 1, maxBytes: 1 }).catch(error => error)
  expect(failure).toMatchObject({ name: 'LogCorrupt', from: second?.from, resumeAt: second?.to })
})

test('a missing segment is met as damage', async () => {
  const [, second, third] = segments
  const directory = temporaryDirectory()
  mkdirSync(join(directory, '0'))
  for (const { place, content } of segments) if (place !== second?.place) writeFileSync(join(directory, '0', place.name), content)
  const log = await openLog({ directory })
  const failure = await log.read(0, second?.place.base ?? 0, { maxEvents: 1, maxBytes: 1 }).catch(error => error)
  expect(failure).toMatchObject({ name: 'LogCorrupt', resumeAt: third?.place.base })
})

test('a consumer whose file is not whole begins anew, and that is reported', async () => {
  const directory = copyOf()
  const log = await openLog({ directory })
  await log.commit('pipeline', 0, 12)
  await log.close()
  const file = join(directory, 'consumers', 'pipeline')
  writeFileSync(file, readFileSync(file, 'utf8').replace('12', '13'))
  const outcomes: Outcome[] = []
  const again = await openLog({ directory, report: outcome => outcomes.push(outcome) })
  expect(again.committed('pipeline', 0)).toBe(0)
  expect(outcomes).toEqual([{ kind: 'consumer-forgotten', consumer: 'pipeline' }])
})

function placeOf(name: string, content: Buffer): { content: Buffer; place: Place } {
  const frames: Place['frames'] = []
  const seed = content.readUInt32BE(20)
  for (let start = segmentHeaderBytes; start < content.length; ) {
    const head = headerAt(content.subarray(start), seed)
    if (!head) throw new Error('the file is whole')
    const next = start + frameHeaderBytes + head.bodyBytes
    frames.push({ from: head.base, to: head.end, start, end: next })
    start = next
  }
  return { content, place: { name, bytes: content.length, base: Number.parseInt(name, 10), frames } }
}

function lastSegment() {
  const last = segments.at(-1)
  if (!last) throw new Error('there are segments')
  return last
}

function copyOf(): string {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, '0'))
  for (const { place, content } of segments) writeFileSync(join(directory, '0', place.name), content)
  return directory
}

/** Both copies of the segment's header are hit. */
function headerLost(damaged: Buffer, whole: Buffer): boolean {
  return [0, 128].every(copy => !damaged.subarray(copy, copy + 88).equals(whole.subarray(copy, copy + 88)))
}

function textsBefore(offset: number): [number, string][] {
  return [...payloads].filter(([begin]) => begin < offset)
}

async function textsOf(log: Log): Promise<[number, string][]> {
  return (await readPast(log)).records.map(({ offset, payload }) => [offset, payload.toString()])
}

/** Everything that can be read, and the damage in between. */
async function readPast(log: Log): Promise<{ records: LogRecord[]; gaps: LogCorrupt[] }> {
  const records: LogRecord[] = []
  const gaps: LogCorrupt[] = []
  let next = log.start(0)
  while (next < log.end(0)) {
    try {
      const some = await log.read(0, next, { maxEvents: 5, maxBytes: 3000 })
      records.push(...some)
      const last = some.at(-1)
      if (!last) throw new Error(`nothing at ${next}`)
      next = last.offset + last.count
    } catch (error) {
      if (!(error instanceof LogCorrupt)) throw error
      expect(error.resumeAt).toBeGreaterThan(next)
      gaps.push(error)
      next = error.resumeAt
    }
  }
  return { records, gaps }
}
