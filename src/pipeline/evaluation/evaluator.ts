import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { cleanMemberships, compactMemberships } from '../../definitions/compaction.ts'
import type { Definition } from '../../definitions/definition.ts'
import type { Definitions } from '../../definitions/definitions.ts'
import { beginFill, finishFill, prepareFill } from '../../definitions/fills.ts'
import { nextRun } from '../../definitions/schedule.ts'
import type { DefinitionSet } from '../../definitions/set.ts'
import { bumpRevision, revisionIn } from '../../definitions/store.ts'
import { neverDue } from '../../profiles/states.ts'
import type { RuleContext } from '../../rules/plan.ts'
import type { ClickHouse } from '../../store/clickhouse.ts'
import type { Postgres } from '../../store/postgres.ts'
import { leaseMs } from '../lease.ts'
import { applyTicks } from './apply.ts'
import { type Assessment, assess } from './assess.ts'
import { acquireEvaluation, extendEvaluation, lastTick, releaseEvaluation } from './lease.ts'
import type { EvaluationMetrics } from './metrics.ts'
import { runnerFor } from './runner.ts'
import { DefinitionsChanged, decideTick, type Worked } from './tick.ts'
import { peopleOf, type Reason, type Work, waitingFill, waitingWork } from './work.ts'

export interface EvaluatorDependencies {
  postgres: Postgres
  clickhouse: ClickHouse
  definitions: Definitions
  owner: string
  zone: string
  /** What rules mean at a moment, besides tags and audiences. */
  contextAt: (now: number) => RuleContext
  /** Brings ClickHouse to who is who. */
  mirrorRoots: () => Promise<unknown>
  /** Everything acknowledged before this moment is stored, ms. */
  storedAsOf: () => number
  metrics: EvaluationMetrics
  log: Logger
  now: () => number
}

/** Who is not told that something was stored looks after so long. */
const restMs = 500
const fillAtOnce = 10_000
const tidyEveryMs = 5_000

/** Keeps tags and audiences true: tick after tick looks at the profiles that changed or are due, and at those of a fill. */
export class Evaluator {
  readonly #deps: EvaluatorDependencies
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined
  #applying: Promise<void> = Promise.resolve()
  #asOf = 0
  #appliedAsOf = 0
  #tidiedAt = Number.NEGATIVE_INFINITY
  #cleaning: Promise<void> | undefined
  #trouble: string | undefined
  #hurried = new AbortController()
  #isHurried = false
  /** Who waits for everything to be done. */
  #waiting: (() => void)[] = []

  constructor(deps: EvaluatorDependencies) {
    this.#deps = deps
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Every fact acknowledged before this moment, and every moment before it, is part of what is live; ms. */
  get asOf(): number {
    return this.#asOf
  }

  /** The same for what ClickHouse has of it: who has what. */
  get appliedAsOf(): number {
    return this.#appliedAsOf
  }

  /** Why it does not work at the moment, or nothing. */
  get trouble(): string | undefined {
    if (this.#trouble) return this.#trouble
    const lagMs = this.#deps.now() - this.#asOf
    return this.#asOf > 0 && lagMs > 60_000 ? `tags and audiences are ${Math.round(lagMs / 1000)} s behind` : undefined
  }

  /** Looks at once. */
  hurry(): void {
    this.#isHurried = true
    this.#hurried.abort()
    this.#hurried = new AbortController()
  }

  /** Returns when everything stored, due or defined before the call has been evaluated and is in ClickHouse. */
  async flush(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    this.hurry()
    await promise
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const fence = await this.#acquire()
        if (fence === undefined) break
        await this.#own(fence)
      } catch (error) {
        if (signal.aborted) break
        if (error instanceof DefinitionsChanged) continue
        this.#trouble = 'the evaluation of tags and audiences met a fault and tries again; see the log'
        this.#deps.log.error({ err: error }, 'the evaluation stumbled and starts again from what is decided')
        await this.#pause(1_000)
      }
    }
    await this.#applying.catch(() => undefined)
    await this.#cleaning
  }

  async #acquire(): Promise<number | undefined> {
    while (!this.#stopping.signal.aborted) {
      const fence = await acquireEvaluation(this.#deps.postgres, this.#deps.owner, this.#deps.now())
      if (fence !== undefined) return fence
      await this.#pause(leaseMs / 10)
    }
    return undefined
  }

  async #own(fence: number): Promise<void> {
    const { postgres, now } = this.#deps
    // What failed is tried again, after whatever of it is still under way.
    await this.#applying.catch(() => undefined)
    this.#apply()
    await this.#applying
    let extendedAt = now()
    while (!this.#stopping.signal.aborted) {
      // Who asked before this look is answered by it.
      const asked = this.#waiting.splice(0)
      this.#isHurried = false
      try {
        await this.#tidy(fence)
        const { isIdle, isSettled } = await this.#step(fence)
        await this.#applying
        this.#appliedAsOf = this.#asOf
        this.#trouble = undefined
        if (isSettled) for (const resolve of asked) resolve()
        else this.#waiting.unshift(...asked)
        if (!isIdle) continue
      } catch (error) {
        this.#waiting.unshift(...asked)
        throw error
      }
      if (now() - extendedAt > leaseMs / 3) {
        await extendEvaluation(postgres, fence, now())
        extendedAt = now()
      }
      const rest = await this.#untilDue()
      if (this.#waiting.length === 0 && !this.#isHurried) await this.#pause(rest, this.#hurried.signal)
    }
    await releaseEvaluation(postgres, fence)
  }

  /**
   * One look at everything that may wait.
   * @returns whether there was nothing to do, and whether all that waited when it began is done
   */
  async #step(fence: number): Promise<{ isIdle: boolean; isSettled: boolean }> {
    const { postgres, definitions, now, storedAsOf } = this.#deps
    await definitions.reload()
    const stored = storedAsOf()
    const at = now()
    await this.#scheduleRuns(at)
    const work = await waitingWork(postgres, at)
    const hasWork = work.profiles.size + work.gone.size + work.ranges.length + work.leaves.length > 0
    if (hasWork) await this.#tick(fence, work, at)
    if (work.isAll) this.#asOf = Math.min(stored, at)
    this.#deps.metrics.lagSeconds.set(Math.max(0, now() - this.#asOf) / 1000)
    const filled = await this.#fill(fence)
    return { isIdle: !hasWork && !filled, isSettled: work.isAll && !filled }
  }

  async #tick(fence: number, work: Work, now: number): Promise<void> {
    const { postgres, definitions, metrics, mirrorRoots } = this.#deps
    const took = metrics.tickSeconds.startTimer()
    const set = definitions.set()
    const states = await this.#unknownOf([...work.profiles.keys()])
    const isWhole = [...work.profiles].some(([profile, { names }]) => names === undefined || states.has(profile))
    const chosen = isWhole ? set.live : this.#touched(set, work)
    if (work.leaves.length > 0) await mirrorRoots()
    const profiles = [...work.profiles.keys()]
    const worked = await this.#work(set, chosen, work.profiles, profiles, isWhole || chosen.length === set.live.length, now)
    await this.#applying
    const decided = await decideTick(postgres, fence, worked, { work })
    this.#apply()
    metrics.ticked(decided)
    took()
  }

  /** A part of the oldest fill. @returns whether there was one */
  async #fill(fence: number): Promise<boolean> {
    const { postgres, definitions, now, metrics } = this.#deps
    const waiting = await waitingFill(postgres, fillAtOnce)
    if (!waiting) return false
    const took = metrics.tickSeconds.startTimer()
    const { fill, profiles, after } = waiting
    const set = definitions.set()
    const chosen = set.all.filter(({ id }) => fill.definitions.includes(id))
    const at = now()
    if (chosen.length === 0) {
      await postgres.transaction(async tx => {
        await revisionIn(tx, 'for update')
        await finishFill(tx, fill, at)
      })
      return true
    }
    if (!fill.prepared) {
      await this.#prepare(fill, set, chosen, at)
      return true
    }
    const reason: Reason = { cause: fill.cause, at: undefined, names: undefined }
    const worked = await this.#work(set, chosen, new Map(profiles.map(profile => [profile, reason])), profiles, false, at)
    await this.#applying
    metrics.ticked(await decideTick(postgres, fence, worked, { fill, after }))
    this.#apply()
    took()
    return true
  }

  /** What runs work out for themselves before anybody is assessed. */
  async #prepare(fill: Parameters<typeof prepareFill>[1], set: DefinitionSet, chosen: readonly Definition[], now: number): Promise<void> {
    const { postgres, clickhouse, contextAt } = this.#deps
    const runs = new Map<number, unknown>()
    for (const definition of chosen) {
      const type = set.typeOf(definition)
      const run = await type.prepare?.(definition, runnerFor(clickhouse, { ...contextAt(now), derived: set.derived }))
      if (run !== undefined) runs.set(definition.id, run)
    }
    await postgres.transaction(async tx => {
      // Somebody may have joined the fill meanwhile, whose run is not among these.
      if ((await revisionIn(tx, 'for update')) !== set.revision) throw new DefinitionsChanged()
      await prepareFill(tx, fill, runs)
    })
  }

  async #work(
    set: DefinitionSet,
    chosen: readonly Definition[],
    reasons: ReadonlyMap<number, Reason>,
    profiles: readonly number[],
    isWhole: boolean,
    now: number,
  ): Promise<Worked> {
    // What came since, such as the first list in a property, is known before it is read.
    await this.#deps.definitions.reload()
    const momentOf = (one: Definition) => (set.refreshOf(one) === 'live' ? undefined : set.typeOf(one).momentOf?.(one)) ?? now
    const people = chosen.length === 0 ? undefined : await peopleOf(this.#deps.postgres, profiles)
    const assessments = new Map<number, Assessment>()
    for (const [at, some] of Map.groupBy(chosen, momentOf)) {
      const context = { ...this.#deps.contextAt(at), derived: set.derived }
      const found = people ? await assess(this.#deps.clickhouse, set, some, context, people) : new Map<number, Assessment>()
      for (const [profile, { values, dueAt }] of found) {
        const known = assessments.get(profile)
        // What is as of another moment is not due: it stays as it is.
        const due = at === now ? dueAt : (known?.dueAt ?? neverDue)
        assessments.set(profile, { values: new Map([...(known?.values ?? []), ...values]), dueAt: Math.min(due, known?.dueAt ?? neverDue) })
      }
    }
    const tellsWhoIsThere = chosen.some(one => momentOf(one) === now)
    return { set, revision: set.revision, definitions: chosen, isWhole, reasons, assessments, tellsWhoIsThere, now }
  }

  /** Live definitions that read one of the names that came. */
  #touched(set: DefinitionSet, work: Work): Definition[] {
    const names = new Set([...work.profiles.values()].flatMap(reason => [...(reason.names ?? [])]))
    return set.live.filter(definition => [...set.readsOf(definition, this.#deps.contextAt(0))].some(name => names.has(name)))
  }

  /** Those that were never worked out. */
  async #unknownOf(profiles: readonly number[]): Promise<Set<number>> {
    if (profiles.length === 0) return new Set()
    const rows = await this.#deps.postgres.query<{ profile: number }>(
      `select profile from unnest($1::bigint[]) p(profile) where not exists (select from profile_states s where s.profile = p.profile)`,
      [profiles],
    )
    return new Set(rows.map(({ profile }) => profile))
  }

  /** Now and then folds what ticks changed into the bitmaps, when ClickHouse has all of them. */
  async #tidy(fence: number): Promise<void> {
    if (performance.now() - this.#tidiedAt < tidyEveryMs) return
    this.#tidiedAt = performance.now()
    const { postgres, clickhouse, now, log } = this.#deps
    await compactMemberships({ postgres, clickhouse, now, lastTick: tx => lastTick(tx, fence) })
    this.#cleaning ??= cleanMemberships({ postgres, clickhouse, now })
      .catch(error => log.warn({ err: error }, 'bitmaps that were replaced could not be dropped; it is tried again'))
      .finally(() => {
        this.#cleaning = undefined
      })
  }

  #apply(): void {
    this.#applying = applyTicks(this.#deps.postgres, this.#deps.clickhouse)
    this.#applying.catch(() => undefined)
  }

  /** Begins the runs of definitions whose time has come, all together: what reads several of them is worked out once, after them. */
  async #scheduleRuns(now: number): Promise<void> {
    const { postgres, definitions, zone } = this.#deps
    const set = definitions.set()
    const due = set.all.filter(one => one.nextRunAt !== undefined && one.nextRunAt <= now)
    if (due.length === 0) return
    await postgres.transaction(async tx => {
      // Whoever changes definitions takes the revision first, so nobody waits for the other.
      await revisionIn(tx, 'for update')
      for (const one of due) {
        const refresh = set.refreshOf(one)
        const next = typeof refresh === 'object' ? new Date(nextRun(refresh, zone, now)) : null
        await tx.query('update definitions set next_run_at = $2 where id = $1', [one.id, next])
      }
      await bumpRevision(tx)
      await beginFill(tx, set, [...new Set(due.flatMap(one => set.withDependents(one)))], 'assignment', now)
    })
    await definitions.reload()
  }

  /** How long nothing falls due, at most a rest; ms. */
  async #untilDue(): Promise<number> {
    const [row] = await this.#deps.postgres.query<{ at: number | null }>(
      'select least((select min(due_at) from profile_states where due_at < $1), (select min(at) from evaluation_moments)) as at',
      [neverDue],
    )
    return Math.min(restMs, Math.max(5, (row?.at ?? neverDue) - this.#deps.now()))
  }

  async #pause(ms: number, ...signals: AbortSignal[]): Promise<void> {
    await sleep(ms, undefined, { signal: AbortSignal.any([this.#stopping.signal, ...signals]) }).catch(() => undefined)
  }
}
