import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Disk } from './disk.ts'
import type { ReportOutcome } from './outcome.ts'

/** How far each consumer is, per partition. One small file each, replaced as a whole: a crash leaves the one before or the one after. */
export interface Consumers {
  /** Resolves once it is on disk; what is committed meanwhile goes there together. */
  commit(consumer: string, partition: number, offset: number): Promise<void>
  /** What is on disk, like all that follows. */
  committed(consumer: string, partition: number): number
  /** The furthest of all; 0 when none is known. */
  furthest(partition: number): number
  /** Who is least far, and where; null when none is known. */
  last(partition: number): { consumer: string; offset: number } | null
  /** Waits for what is being kept. */
  idle(): Promise<void>
}

type Offsets = ReadonlyMap<number, number>

interface Consumer {
  wanted: Map<number, number>
  kept: Offsets
  save: () => Promise<void>
}

/** @param expected consumers that count as known, at 0, before their first commit */
export async function openConsumers(disk: Disk, above: string, expected: readonly string[], report: ReportOutcome): Promise<Consumers> {
  const directory = join(above, 'consumers')
  await disk.makeDirectory(directory)
  await disk.syncDirectory(directory)
  await disk.syncDirectory(above)
  const known = new Map<string, Consumer>()

  function know(name: string, offsets: Offsets): Consumer {
    const save = coalesced(async () => {
      const saving = new Map(consumer.wanted)
      await replace(disk, directory, name, render(saving))
      consumer.kept = saving
    })
    const consumer: Consumer = { wanted: new Map(offsets), kept: offsets, save }
    known.set(name, consumer)
    return consumer
  }

  for (const name of expected) know(name, new Map())
  for (const name of await disk.list(directory)) {
    if (!isName(name)) continue
    const offsets = parse(await contentOf(disk, join(directory, name)))
    if (!offsets) report({ kind: 'consumer-forgotten', consumer: name })
    know(name, offsets ?? new Map())
  }

  const keptBy = (consumer: Consumer | undefined, partition: number) => consumer?.kept.get(partition) ?? 0
  return {
    async commit(name, partition, offset) {
      if (!isName(name)) throw new RangeError('a consumer is named with a–z, 0–9 and -')
      const consumer = known.get(name) ?? know(name, new Map())
      if (offset <= keptBy(consumer, partition)) return
      consumer.wanted.set(partition, Math.max(offset, consumer.wanted.get(partition) ?? 0))
      await consumer.save()
    },
    committed: (name, partition) => keptBy(known.get(name), partition),
    furthest: partition => Math.max(0, ...[...known.values()].map(consumer => keptBy(consumer, partition))),
    last(partition) {
      const all = [...known].map(([consumer, kept]) => ({ consumer, offset: keptBy(kept, partition) }))
      return all.sort((a, b) => a.offset - b.offset)[0] ?? null
    },
    async idle() {
      const behind = [...known.values()].filter(({ wanted, kept }) =>
        [...wanted].some(([partition, offset]) => kept.get(partition) !== offset),
      )
      await Promise.allSettled(behind.map(({ save }) => save()))
    },
  }
}

function isName(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(text)
}

function render(offsets: Offsets): string {
  const text = JSON.stringify([...offsets])
  return `${crc32(text).toString(16)} ${text}\n`
}

/** Null when the text is not what was written: an offset with a wrong digit might lead. */
function parse(content: string): Offsets | null {
  const [, sum, text = ''] = /^([0-9a-f]+) (.*)\n$/.exec(content) ?? []
  return sum === crc32(text).toString(16) ? new Map(JSON.parse(text) as [number, number][]) : null
}

async function contentOf(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path)
  try {
    const bytes = Buffer.alloc(await file.size())
    await file.read(bytes, 0)
    return bytes.toString()
  } finally {
    await file.close()
  }
}

async function replace(disk: Disk, directory: string, name: string, content: string): Promise<void> {
  const path = join(directory, name)
  const file = await disk.create(`${path}.new`)
  try {
    await file.write([Buffer.from(content)], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(`${path}.new`, path)
  await disk.syncDirectory(directory)
}

/** Work that runs once at a time: who asks while it runs gets the next run, together with all who ask until then. */
function coalesced(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null
  let next: Promise<void> | null = null
  const run = () => {
    next = null
    running = work().finally(() => {
      running = null
    })
    return running
  }
  return () => {
    if (!running) return run()
    next ??= running.then(run, run)
    return next
  }
}
