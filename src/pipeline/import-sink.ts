import type { CanonicalEvent } from '../collect/event.ts'
import type { BatchSink, ImportBatch } from '../import/sink.ts'
import type { Position } from '../log/position.ts'
import type { BatchItem } from './batch.ts'
import type { Processor } from './processor.ts'
import type { Remembered } from './remembered.ts'

const inFlight = 2

/** Takes the batches of imports through the pipeline. Repeats were left out by the import's own ledger, so nothing is asked here. */
export class ImportSink implements BatchSink {
  readonly #processor: Processor
  readonly #completeLeft: () => Promise<void>
  readonly #storing = new Map<Position, Promise<void>>()

  /** @param completeLeft stores the decided batches that nobody is storing */
  constructor(processor: Processor, completeLeft: () => Promise<void>) {
    this.#processor = processor
    this.#completeLeft = completeLeft
  }

  async submit(batch: ImportBatch): Promise<void> {
    while (this.#storing.size >= inFlight) await Promise.race(this.#storing.values())
    const { stored } = await this.#processor.process({ range: batch.range, items: batch.events.map(itemOf) }, everythingIsNew, {
      after: (tx, decision) =>
        batch.commit(
          tx,
          decision.refused.map(({ position, rejection }) => ({ index: position - batch.range, rejection })),
        ),
    })
    const tracked = stored.catch(() => undefined).finally(() => this.#storing.delete(batch.range))
    this.#storing.set(batch.range, tracked)
  }

  async finish(): Promise<void> {
    await Promise.all(this.#storing.values())
    // A batch may have been decided though the answer to its commit was lost with the connection.
    await this.#completeLeft()
  }
}

/** What stands at the position of a row. */
export function itemOf(event: CanonicalEvent | undefined): BatchItem {
  return event ? { event } : { absent: true }
}

const everythingIsNew: Remembered = {
  async ask(batch) {
    return { fresh: new Uint8Array(batch.items.length).fill(1), remember: async () => undefined }
  },
}
