import type { Log, LogRecord } from '../log.ts'

/** For tests: everything in a partition from an offset on. */
export async function readAll(log: Log, from = log.start(0), partition = 0): Promise<LogRecord[]> {
  const all: LogRecord[] = []
  let next = from
  while (next < log.end(partition)) {
    const records = await log.read(partition, next, { maxEvents: 7, maxBytes: 10_000 })
    const last = records.at(-1)
    if (!last) throw new Error(`nothing at ${next}, before the end at ${log.end(partition)}`)
    all.push(...records)
    next = last.offset + last.count
  }
  return all
}
