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

/** What else a document must stand, with the set that would hold then. */
export type Check = (definition: Definition, set: DefinitionSet) => Promise<void>

export type Draft = Pick<Definition, 'kind' | 'key' | 'document'> & Pick<DefinitionChange, 'expected'>

export interface DefinitionDifference {
  kind: DefinitionKind
  key: string
  change: 'create' | 'change' | 'same'
  /** Of the document, what is another than before. */
  fields: string[]
}

/** The tags and audiences of a workspace. */
export interface Definitions {
  readonly types: readonly DefinitionType[]
  /** Everything in force, without a query. */
  set(): DefinitionSet
  /**
   * Writes a new version, and has it and what follows from it worked out anew for everybody. Nothing happens where the document is as it was.
   * @param check what else the document must stand, with the set that would hold then
   * @throws Refusal 409 for an outdated version, 422 for a circle
   */
  put(kind: DefinitionKind, key: string, document: unknown, change: DefinitionChange, check: Check): Promise<Definition>
  /** Several at once, which may refer to each other in any order: all of them or none. @param dryRun only says what would change */
  putAll(drafts: readonly Draft[], change: { by: string; dryRun: boolean }, check: Check): Promise<DefinitionDifference[]>
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
  /** Everything or nothing; what each comes to is judged with all the others in place. */
  const write = async (drafts: readonly Draft[], by: string, check: Check, dryRun = false): Promise<Written[]> => {
    const written = await postgres.transaction(async tx => {
      const known = await lockedSet(tx, types)
      const changes = drafts.map((draft, index) => changeOf(known, draft, index))
      const changed = changes.filter(({ change }) => change !== 'same')
      const after = changed.reduce((set, { definition }) => set.with(definition), known)
      for (const { definition } of changed) {
        refuseCycle(after, definition)
        await check(definition, after)
      }
      if (dryRun || changed.length === 0) return changes
      const saved = new Map<Written, Definition>()
      for (const one of changed) {
        const { kind, key, document } = one.definition
        const refresh = after.refreshOf(one.definition)
        const nextRunAt = typeof refresh === 'object' ? nextRun(refresh, zone, now()) : undefined
        const definition = await saveDefinition(tx, { kind, key, document }, { by, at: now(), nextRunAt })
        saved.set(one, definition)
        const details = { version: definition.version }
        await audit(tx, now(), { who: by, did: `${kind}.${one.change}`, what: `${kind}:${key}`, details })
      }
      const settled = [...saved.values()].reduce((set, definition) => set.with(definition), known)
      const touched = new Set([...saved.values()].flatMap(definition => settled.withDependents(definition)))
      await beginFill(tx, settled, [...touched], 'definition', now())
      return changes.map(one => ({ ...one, definition: saved.get(one) ?? one.definition }))
    })
    if (!dryRun) await reload()
    return written
  }
  return {
    types,
    set: () => set,
    async put(kind, key, document, change, check) {
      const [saved] = await write([{ kind, key, document, expected: change.expected }], change.by, check)
      if (!saved) throw new Error('a definition is always answered')
      return saved.definition
    },
    async putAll(drafts, { by, dryRun }, check) {
      return (await write(drafts, by, check, dryRun)).map(({ definition: { kind, key }, change, fields }) => ({
        kind,
        key,
        change,
        fields,
      }))
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
      await beginFillOnce(tx, known, touched, 'definition', now())
    },
    reload,
  }
}

interface Written {
  /** With a number of its own, which is not the store's, where it is not saved yet. */
  definition: Definition
  change: 'create' | 'change' | 'same'
  /** Of the document, what is another than before. */
  fields: string[]
}

function changeOf(known: DefinitionSet, { kind, key, document, expected }: Draft, index: number): Written {
  const before = known.find(kind, key)
  expect(before, { expected })
  const fields = changedFields(before?.document, document)
  if (before && fields.length === 0) return { definition: before, change: 'same', fields }
  return { definition: { ...(before ?? blank(kind, key, -1 - index)), document }, change: before ? 'change' : 'create', fields }
}

function changedFields(before: unknown, after: unknown): string[] {
  const fieldsOf = (document: unknown) => (typeof document === 'object' && document !== null ? (document as Record<string, unknown>) : {})
  const [a, b] = [fieldsOf(before), fieldsOf(after)]
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(name => JSON.stringify(a[name]) !== JSON.stringify(b[name])).sort()
}

function refuseCycle(set: DefinitionSet, definition: Definition): void {
  const cycle = set.cycleOf(definition)
  if (cycle) throw new Refusal(422, 'circle', `this would refer to itself: ${cycle.join(' → ')}; take one of these references out`)
}

/** The set as it is, which nobody else changes until the transaction ends. */
async function lockedSet(tx: Queryable, types: readonly DefinitionType[]): Promise<DefinitionSet> {
  await revisionIn(tx, 'for update')
  return new DefinitionSet(types, await definitionsIn(tx))
}

function expect(before: Definition | undefined, { expected }: Pick<DefinitionChange, 'expected'>): void {
  const version = before?.version ?? 0
  if (expected !== undefined && expected !== version)
    throw new Refusal(409, 'outdated', `it is at version ${version} by now; read it again and make the change on that`)
}

export function unknownDefinition(kind: DefinitionKind, key: string): Refusal {
  return new Refusal(404, `no-such-${kind}`, `There is no ${kind} ${JSON.stringify(key)}.`)
}

function blank(kind: DefinitionKind, key: string, id: number): Definition {
  const never = { run: undefined, ranAt: undefined, nextRunAt: undefined }
  return { id, kind, key, version: 0, document: undefined, createdAt: 0, updatedAt: 0, updatedBy: '', ...never }
}
