import { type Log, LogClosed } from '../log.ts'
import { maxPartitions } from '../position.ts'
import { openConsumers } from './consumers.ts'
import { type Disk, nodeDisk } from './disk.ts'
import { freeSpace } from './free-space.ts'
import { codeOf, type Outcome, type ReportOutcome } from './outcome.ts'
import { type Partition, startOf } from './partition.ts'
import { queueRoom } from './queue-room.ts'
import { type Reader, readerOf } from './reader.ts'
import { recover } from './recover.ts'
import { type Retention, retain } from './retention.ts'
import { type Waiters, waiters } from './waiters.ts'
import { Writer } from './writer.ts'

export interface FileLogSettings {
  directory: string
  /** 256 bits; wraps the data key of each segment. */
  key: Buffer
  /** 1 … 32; the same or more than the log had before. */
  partitions?: number
  now: () => number
  /** A segment that has grown to this is followed by a new one. */
  segmentBytes?: number
  retention?: Partial<Retention>
  /** How often retention runs by itself; 0: only when `retain` is called. */
  retainEveryMs?: number
  /** Consumers that retention waits for even before their first commit. */
  consumers?: readonly string[]
  /** Where a partition's offsets begin at least: how far others have recorded it, should the log have lost files that they had used. */
  notBefore?: (partition: number) => Promise<number>
  /** Free space of the disk below which records are refused, so that the stores on it can still work. */
  reserveBytes?: number
  /** Payloads waiting to be written, in all partitions together; beyond it `append` rejects with LogBusy. */
  queueBytes?: number
  /** Records kept in memory for readers that keep up, per partition. */
  cacheBytes?: number
  report?: ReportOutcome
  disk?: Disk
}

export interface FileLog extends Log {
  /** Runs retention now. */
  retain(): Promise<void>
}

const MiB = 1024 * 1024
const day = 24 * 60 * 60 * 1000

/**
 * The event log in files of a directory: `<partition>/<base offset>.log` and `consumers/<name>`. One process at a time may have it open.
 * @throws LogKeyWrong when it was written under another key; RangeError for settings that cannot be
 */
export async function openFileLog(settings: FileLogSettings): Promise<FileLog> {
  const { directory, key, partitions: count = 1, segmentBytes = 64 * MiB, disk = nodeDisk } = settings
  if (key.length !== 32) throw new RangeError('the key of the log has 32 bytes')
  if (!Number.isInteger(count) || count < 1 || count > maxPartitions) throw new RangeError(`a log has 1 to ${maxPartitions} partitions`)
  const now = () => Math.floor(settings.now())
  const report = quiet(settings.report)
  await disk.makeDirectory(directory)
  await refuseFewer(disk, directory, count)
  const consumers = await openConsumers(disk, directory, settings.consumers ?? [], report)
  const space = freeSpace(disk, directory, settings.reserveBytes ?? 256 * MiB)
  const room = queueRoom(settings.queueBytes ?? 64 * MiB)
  const retention: Retention = { minMs: day, ...settings.retention }

  const open = async (number: number): Promise<Served> => {
    const used = Math.max(consumers.furthest(number), (await settings.notBefore?.(number)) ?? 0)
    const { partition, active } = await recover(number, { disk, key, directory, cacheBytes: settings.cacheBytes ?? 16 * MiB, used, report })
    const waiting = waiters()
    const grown = () => waiting.grown(partition.end)
    const writer = new Writer(partition, active, { disk, key, now, segmentBytes, space, room, report, grown })
    return { partition, waiting, writer, reader: readerOf(partition, disk) }
  }
  const served = await Promise.all(Array.from({ length: count }, (_, number) => open(number)))
  let closed = false
  let retaining: Promise<void> = Promise.resolve()

  const at = (partition: number): Served => {
    const found = served[partition]
    if (!found) throw noPartition(partition)
    return found
  }

  async function retainAll(): Promise<void> {
    for (const { writer, partition } of served) {
      if (closed) return
      await writer.roll(now() - retention.minMs)
      await retain(partition, consumers, retention, { disk, now: now(), report })
    }
  }

  const log: FileLog = {
    partitions: count,
    append(partition, payload, records) {
      return served[partition]?.writer.append(payload, records) ?? Promise.reject(noPartition(partition))
    },
    async read(partition, from, limit) {
      if (closed) throw new LogClosed('the log is closed')
      return at(partition).reader.read(from, limit)
    },
    end: partition => at(partition).partition.end,
    start: partition => startOf(at(partition).partition),
    async wait(partition, from, timeoutMs) {
      if (at(partition).partition.end > from) return true
      return closed ? false : at(partition).waiting.wait(from, timeoutMs)
    },
    async commit(consumer, partition, offset) {
      if (closed) throw new LogClosed('the log is closed')
      if (!(offset <= at(partition).partition.end)) throw new RangeError('a consumer cannot be done with what is not in the log')
      await consumers.commit(consumer, partition, offset)
    },
    committed: (consumer, partition) => consumers.committed(consumer, partition),
    retain() {
      retaining = retaining.catch(() => {}).then(retainAll)
      return retaining
    },
    async close() {
      if (closed) return
      closed = true
      clearInterval(timer)
      for (const { waiting } of served) waiting.letGo()
      const writing = served.map(({ writer }) => writer.close())
      await Promise.all([...writing, retaining.catch(() => {})])
      await consumers.idle()
    },
  }

  const everyMs = settings.retainEveryMs ?? 10 * 60 * 1000
  const timer =
    everyMs > 0
      ? setInterval(() => log.retain().catch(error => report({ kind: 'retention-failed', code: codeOf(error) })), everyMs)
      : undefined
  timer?.unref()
  return log
}

interface Served {
  partition: Partition
  waiting: Waiters
  writer: Writer
  reader: Reader
}

function noPartition(partition: number): RangeError {
  return new RangeError(`the log has no partition ${partition}`)
}

/** Records in a partition that nobody opens would never be read. */
async function refuseFewer(disk: Disk, directory: string, partitions: number): Promise<void> {
  const numbers = (await disk.list(directory)).filter(name => /^\d+$/.test(name)).map(Number)
  const most = Math.max(0, ...numbers) + 1
  if (most > partitions)
    throw new RangeError(`the log has ${most} partitions on disk and was opened with ${partitions}: open it with ${most}`)
}

/** Whoever listens cannot make the log fail. */
function quiet(report: ReportOutcome | undefined): ReportOutcome {
  return (outcome: Outcome) => {
    try {
      report?.(outcome)
    } catch {}
  }
}
