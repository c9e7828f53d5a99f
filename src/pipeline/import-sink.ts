import type { BatchSink, ImportBatch } from '../import/sink.ts'
import type { Position } from '../log/position.ts'
import { Draft } from './draft.ts'
import type { Processor } from './processor.ts'

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

  draft(range: Position): Draft {
    return this.#processor.draft(range)
  }

  async submit({ draft, rows, commit }: ImportBatch): Promise<void> {
    if (!(draft instanceof Draft)) throw new Error('the drafts of a sink come back to it')
    const { range } = draft
    while (this.#storing.size >= inFlight) await Promise.race(this.#storing.values())
    const batch = { draft, until: range + rows, repeats: [], rejected: [] }
    const { stored } = await this.#processor.take(batch, {
      after: (tx, decision) =>
        commit(
          tx,
          decision.refused.map(({ position, rejection }) => ({ index: position - range, rejection })),
        ),
    })
    const tracked = stored.catch(() => undefined).finally(() => this.#storing.delete(range))
    this.#storing.set(range, tracked)
  }

  async finish(): Promise<void> {
    await Promise.all(this.#storing.values())
    // A batch may have been decided though the answer to its commit was lost with the connection.
    await this.#completeLeft()
  }
}
