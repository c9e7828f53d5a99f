import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { CanonicalEvent } from '../collect/event.ts'
import type { Position } from '../log/position.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import type { Batch } from './batch.ts'
import { type Decision, type Domains, decide, recall, type Undecided, undecided } from './decide.ts'
import { Draft } from './draft.ts'
import { completeRange, writeRange } from './facts.ts'
import type { PipelineMetrics } from './metrics.ts'
import { findRange, finishRange, type Range } from './ranges.ts'
import type { Remembered } from './remembered.ts'
import { type RangeRows, rowsOf, type TraitRows } from './rows.ts'

export interface ProcessorDependencies {
  postgres: Postgres
  clickhouse: ClickHouse
  domains: Domains & { traitRows: TraitRows }
  metrics: PipelineMetrics
  log: Logger
  now: () => number
  /** Told each time that a range has come to ClickHouse. */
  stored?: () => void
}

/** What surrounds the decision in the same transaction: the lease and the reader's own progress. */
export interface Within {
  before?(tx: Queryable): Promise<void>
  after?(tx: Queryable, decision: Decision): Promise<void>
}

export interface Stored {
  decision: Decision
  /** Resolves when the range is in ClickHouse and marked done; tries again until it works. Rejects only when the processor stops first. */
  stored: Promise<void>
}

/**
 * The story of a batch: decided in one PostgreSQL transaction, written to ClickHouse, marked done.
 * A failure anywhere leaves a prepared range that `complete` finishes: nothing is lost, nothing is there twice.
 */
export class Processor {
  readonly #deps: ProcessorDependencies
  readonly #stopping = new AbortController()

  constructor(deps: ProcessorDependencies) {
    this.#deps = deps
  }

  /**
   * Decides the batch, and starts to store it.
   * @throws LeaseLost when another worker owns the partition now; or what the transaction met, after which the batch can be tried again
   */
  async process(batch: Batch, remembered: Remembered, within: Within = {}): Promise<Stored> {
    const asked = await remembered.ask(batch)
    const taken = await this.take(undecided(this.#deps.domains, batch, asked.fresh), within)
    await asked.remember(taken.decision.outcome)
    return taken
  }

  /** A draft of the events of a range. */
  draft(range: Position): Draft {
    return new Draft(range, this.#deps.domains)
  }

  /** The same for a batch of which it is known what is new in it. */
  async take(batch: Undecided, within: Within = {}): Promise<Stored> {
    const { postgres, domains, metrics, now } = this.#deps
    const took = metrics.decideSeconds.startTimer()
    const decision = await postgres.transaction(async tx => {
      await within.before?.(tx)
      const decided = await decide(tx, domains, batch, now())
      await within.after?.(tx, decided)
      return decided
    })
    took()
    metrics.count(decision.tally.total)
    return { decision, stored: this.#store(batch.draft, decision) }
  }

  /**
   * Stores what a range that was decided earlier lacks in ClickHouse; its outcome says whose the events are.
   * @param events what stands at each of its positions, read again
   */
  async complete(range: Range, events: readonly (CanonicalEvent | undefined)[]): Promise<void> {
    const draft = this.draft(range.range)
    for (const [place, event] of events.entries()) if (event && (range.outcome[place] ?? 0) > 0) draft.add(place, event)
    const facts = await recall(this.#deps.postgres, this.#deps.domains, draft, range.outcome)
    await this.#complete(range, rowsOf(draft, facts, this.#deps.domains.traitRows))
  }

  async #complete(range: Pick<Range, 'range' | 'until'>, rows: RangeRows): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#stopping.signal.throwIfAborted()
      try {
        if ((await findRange(this.#deps.postgres, range.range))?.state === 'done') return
        await completeRange(this.#deps.clickhouse, range.range, range.until, rows, `${this.#deps.now()}-${attempt}`)
        await finishRange(this.#deps.postgres, range.range, this.#deps.now())
        this.#deps.stored?.()
        return
      } catch (error) {
        this.#deps.log.error({ err: error, range: range.range, attempt }, 'storing a range failed; it will be tried again')
        await sleep(Math.min(100 * 2 ** attempt, 10_000), undefined, { signal: this.#stopping.signal })
      }
    }
  }

  /** Lets go of whatever is being tried again; what is prepared is completed at the next start. */
  stop(): void {
    this.#stopping.abort()
  }

  async #store(draft: Draft, { range, until, facts }: Decision): Promise<void> {
    const { clickhouse, domains, metrics, postgres, now, log } = this.#deps
    const took = metrics.storeSeconds.startTimer()
    const rows = rowsOf(draft, facts, domains.traitRows)
    try {
      await writeRange(clickhouse, range, rows)
      await finishRange(postgres, range, now())
      this.#deps.stored?.()
    } catch (error) {
      log.warn({ err: error, range }, 'storing a range failed; looking for what is missing')
      await this.#complete({ range, until }, rows)
    }
    took()
  }
}
