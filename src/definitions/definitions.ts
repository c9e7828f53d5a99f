import { audit } from '../access/audit.ts'
import { Refusal } from '../refusal.ts'
import type { Postgres, Queryable } from '../store/postgres.ts'
import type { Definition, DefinitionKind } from './definition.ts'
import { beginFill, beginFillOnce } from './fills.ts'
import { nextRun } from './schedule.ts'
import { DefinitionSet } from './set.ts'
import { definitionsIn, removeDefinition, revisionIn, saveDefinition } from './store.ts'
import type { DefinitionType } from './type.ts'

export interface DefinitionChange {
  by: string
  /** The version that the change was made on, 0 for none; not compared when absent. */
  expected?: number | undefined
}

/** The tags and audiences of a workspace. */
export interface Definitions {
  /** Everything in force, without a query. */
  set(): DefinitionSet
  /**
   * Writes a new version, and has it and what follows from it worked out anew for everybody. Nothing happens where the document is as it was.
   * @param check what else the document must stand, with the set that would hold then
   * @throws Refusal 409 for an outdated version, 422 for a circle
   */
  put(
    kind: DefinitionKind,
    key: string,
    document: unknown,
    change: DefinitionChange,
    check: (definition: Definition, set: DefinitionSet) => Promise<void>,
  ): Promise<Definition>
  /** @throws Refusal 404; 409 where something uses it, with what */
  remove(kind: DefinitionKind, key: string, change: DefinitionChange): Promise<void>
  /**
   * What rules mean has changed beside the definitions: which source wins, what is sensitive, what the catalogue says. In the transaction of that
   * change, so that nothing that was worked out before is decided after it.
   * @param isTouched of live definitions; those are worked out anew for everybody
   */
  meaningChanged(tx: Queryable, isTouched: (definition: Definition, set: DefinitionSet) => boolean): Promise<void>
  /** Takes up what another process changed; cheap when that is nothing. */
  reload(): Promise<void>
}

export interface DefinitionsParts {
  postgres: Postgres
  types: readonly DefinitionType[]
  zone: string
  now: () => number
}

export async function openDefinitions({ postgres, types, zone, now }: DefinitionsParts): Promise<Definitions> {
  let set = new DefinitionSet(types, [])
  let revision = -1
  const reload = async () => {
    const latest = await revisionIn(postgres)
    if (latest === revision) return
    set = new DefinitionSet(types, await definitionsIn(postgres), latest)
    revision = latest
  }
  await reload()
  return {
    set: () => set,
    async put(kind, key, document, change, check) {
      const saved = await postgres.transaction(async tx => {
        const known = await lockedSet(tx, types)
        const before = known.find(kind, key)
        expect(before, change)
        if (before && JSON.stringify(before.document) === JSON.stringify(document)) return before
        const draft = { ...(before ?? blank(kind, key)), document }
        const after = known.with(draft)
        const cycle = after.cycleOf(draft)
        if (cycle)
          throw new Refusal(422, 'circle', `this would refer to itself: ${cycle.join(' → ')}; take one of these references out`, [])
        await check(draft, after)
        const refresh = after.refreshOf(draft)
        const nextRunAt = typeof refresh === 'object' ? nextRun(refresh, zone, now()) : undefined
        const definition = await saveDefinition(tx, { kind, key, document }, { by: change.by, at: now(), nextRunAt })
        await beginFill(tx, known.with(definition).withDependents(definition), 'definition', now())
        const details = { version: definition.version }
        await audit(tx, now(), { who: change.by, did: `${kind}.${before ? 'change' : 'create'}`, what: `${kind}:${key}`, details })
        return definition
      })
      await reload()
      return saved
    },
    async remove(kind, key, change) {
      await postgres.transaction(async tx => {
        const known = await lockedSet(tx, types)
        const definition = known.find(kind, key)
        if (!definition) throw unknownDefinition(kind, key)
        expect(definition, change)
        const users = known.usersOf(definition).map(user => ({ path: `${user.kind} ${user.key}`, message: 'refers to it' }))
        if (users.length > 0)
          throw new Refusal(409, 'in-use', `this ${kind} is used, see details; change or delete what uses it first`, users)
        await removeDefinition(tx, definition.id)
        await audit(tx, now(), { who: change.by, did: `${kind}.delete`, what: `${kind}:${key}` })
      })
      await reload()
    },
    async meaningChanged(tx, isTouched) {
      const known = await lockedSet(tx, types)
      const touched = known.live.filter(definition => isTouched(definition, known))
      if (touched.length === 0) return
      await tx.query('update definition_revision set revision = revision + 1')
      await beginFillOnce(tx, touched, 'definition', now())
    },
    reload,
  }
}

/** The set as it is, which nobody else changes until the transaction ends. */
async function lockedSet(tx: Queryable, types: readonly DefinitionType[]): Promise<DefinitionSet> {
  await revisionIn(tx, 'for update')
  return new DefinitionSet(types, await definitionsIn(tx))
}

function expect(before: Definition | undefined, { expected }: DefinitionChange): void {
  const version = before?.version ?? 0
  if (expected !== undefined && expected !== version)
    throw new Refusal(409, 'outdated', `it is at version ${version} by now; read it again and make the change on that`)
}

export function unknownDefinition(kind: DefinitionKind, key: string): Refusal {
  return new Refusal(404, `no-such-${kind}`, `There is no ${kind} ${JSON.stringify(key)}.`)
}

function blank(kind: DefinitionKind, key: string): Definition {
  const never = { run: undefined, ranAt: undefined, nextRunAt: undefined }
  return { id: 0, kind, key, version: 0, document: undefined, createdAt: 0, updatedAt: 0, updatedBy: '', ...never }
}
