import { childPaths, childrenOf } from '../rules/children.ts'
import type { Count } from '../rules/operations.ts'
import type { Rule, TagRule } from '../rules/schema.ts'
import { Binder, type Sql } from '../rules/sql/binder.ts'
import { type Base, basesOf, everybody } from './bases.ts'
import type { Definition } from './definition.ts'
import { currentBitmaps, type MembershipStores } from './membership.ts'
import type { DefinitionSet } from './set.ts'

/** A rule over bitmaps: what each part says is a bitmap of profiles. */
interface BitmapPlan {
  definitions: readonly number[]
  /** The values that are read; undefined where all of a definition are. */
  only: readonly { definition: number; value: string }[] | undefined
  needsEverybody: boolean
  /** Aggregates that collect the leaves, and expressions over them, by name. */
  leaves: readonly Sql[]
  parts: readonly Sql[]
  /** Each part of the rule, in the order of its document, and the name of its bitmap. */
  branches: readonly { path: string; name: Sql }[]
  params: Record<string, unknown>
}

/** What somebody has, of the values that a tag or an audience gives. */
interface Leaf {
  definition: number
  /** JSON texts; undefined for any but false. */
  values: readonly string[] | undefined
}

/** More rules than this are not told apart by how many of them hold. */
const atLeastOfMost = 8
/** The store reads an expression anew wherever its name stands: of so many operations at most. */
const operationsAtMost = 3_000

/**
 * The answer to a rule that only asks for tags and audiences, from who has them: another plan for what `compile` says of it at this moment.
 * @param isSettled whether what is held of a definition is true as of now
 * @returns undefined for a rule that asks for more, or for what is not held so
 */
export async function countHeld(
  stores: MembershipStores,
  rule: Rule,
  set: DefinitionSet,
  isSettled: (definition: Definition) => boolean,
): Promise<Count | undefined> {
  const plan = bitmapPlan(rule, set, isSettled)
  if (!plan) return undefined
  const bases = await basesOf(stores.postgres, [everybody, ...plan.definitions])
  const total = bases.find(({ definition }) => definition === everybody)?.members ?? 0
  const counts = await countsOf(stores, plan, bases)
  const branches = plan.branches.map(({ path }, index) => ({ path, count: counts[index] ?? 0, unknown: 0 }))
  return { count: branches[0]?.count ?? 0, total, unknown: 0, branches }
}

async function countsOf({ clickhouse }: MembershipStores, plan: BitmapPlan, bases: readonly Base[]): Promise<number[]> {
  const read = bases.filter(({ definition }) => definition !== everybody || plan.needsEverybody)
  const { text, params } = currentBitmaps(read, plan.only)
  const counted = plan.branches.map(({ name }) => `bitmapCardinality(${name})`)
  const [row] = await clickhouse.query<{ counts: number[] }>(
    `${plan.parts.length > 0 ? `with ${plan.parts.join(', ')}` : ''} select [${counted.join(', ')}] as counts from (select ${plan.leaves.join(', ')} from (${text}))`,
    { ...plan.params, ...params },
  )
  return row?.counts ?? []
}

/** @returns undefined for a rule of which not every leaf is held as bitmaps */
function bitmapPlan(rule: Rule, set: DefinitionSet, isSettled: (definition: Definition) => boolean): BitmapPlan | undefined {
  const writer = new PlanWriter()
  const write = (one: Rule, path: string): Sql | undefined => {
    const place = writer.branches.push({ path, name: '' }) - 1
    const children = childrenOf(one)
    const paths = childPaths(one)
    const names = children.map((child, index) => write(child, [path, paths[index]].filter(Boolean).join('.')))
    if (names.includes(undefined)) return undefined
    const name = children.length > 0 ? joined(one, names as Sql[], writer) : leafOf(one, set, isSettled, writer)
    if (name !== undefined) writer.branches[place] = { path, name }
    return name
  }
  return write(rule, '') === undefined || writer.operations > operationsAtMost ? undefined : writer.plan()
}

function joined(rule: Rule, names: readonly Sql[], writer: PlanWriter): Sql | undefined {
  if ('not' in rule) return writer.without(names[0] ?? '')
  if (!('of' in rule)) return writer.fold('any' in rule ? 'bitmapOr' : 'bitmapAnd', names)
  const k = rule.atLeast
  if (k === 1 || k === names.length) return writer.fold(k === 1 ? 'bitmapOr' : 'bitmapAnd', names)
  if (names.length > atLeastOfMost) return undefined
  // Those of whom at least j of the rules so far hold.
  let holding: (Sql | undefined)[] = Array.from({ length: k + 1 })
  for (const name of names)
    holding = holding.map((atLeast, j) => {
      const fewer = j === 1 ? name : holding[j - 1]
      const more = j === 1 || fewer === undefined ? fewer : writer.part('bitmapAnd', fewer, name)
      if (j === 0 || more === undefined) return atLeast
      return atLeast === undefined ? more : writer.part('bitmapOr', atLeast, more)
    })
  return holding[k]
}

function leafOf(rule: Rule, set: DefinitionSet, isSettled: (definition: Definition) => boolean, writer: PlanWriter): Sql | undefined {
  const found = 'tag' in rule ? set.find('tag', rule.tag) : 'audience' in rule ? set.find('audience', rule.audience) : undefined
  if (!found || set.refreshOf(found) !== 'live' || set.isOpen(found) || !isSettled(found)) return undefined
  if ('audience' in rule) return writer.leaf({ definition: found.id, values: ['true'] })
  return 'tag' in rule ? tagLeaf(rule, found.id, writer) : undefined
}

/** Of the operators, those that name values. */
function tagLeaf({ tag: _, ...asked }: TagRule, definition: number, writer: PlanWriter): Sql | undefined {
  const tests = Object.entries(asked).filter(([, value]) => value !== undefined)
  if (tests.length === 0) return writer.leaf({ definition, values: undefined })
  const names = tests.map(([operator, value]) => {
    const values = (Array.isArray(value) ? value : [value]).map(one => JSON.stringify(one))
    if (operator === 'eq' || operator === 'in') return writer.leaf({ definition, values })
    if (operator === 'ne' || operator === 'notIn') return writer.without(writer.leaf({ definition, values }))
    return undefined
  })
  return names.includes(undefined) ? undefined : writer.fold('bitmapAnd', names as Sql[])
}

class PlanWriter {
  readonly branches: { path: string; name: Sql }[] = []
  readonly #binder = new Binder()
  readonly #leaves = new Map<string, Leaf>()
  readonly #parts: Sql[] = []
  readonly #names = new Map<Sql, Sql>()
  readonly #sizes = new Map<Sql, number>()
  #needsEverybody = false

  /** Of all named expressions, written out. */
  get operations(): number {
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0)
  }

  leaf(leaf: Leaf): Sql {
    const key = JSON.stringify(leaf)
    this.#leaves.set(key, this.#leaves.get(key) ?? leaf)
    return `l${[...this.#leaves.keys()].indexOf(key)}`
  }

  /** Gives an expression over bitmaps a name; the same one asked for again has the same. */
  part(fn: 'bitmapAnd' | 'bitmapOr' | 'bitmapAndnot', a: Sql, b: Sql): Sql {
    const sql = `${fn}(${a}, ${b})`
    const known = this.#names.get(sql)
    if (known) return known
    const name = `p${this.#parts.push(`${sql} as p${this.#parts.length}`) - 1}`
    this.#names.set(sql, name)
    this.#sizes.set(name, 1 + (this.#sizes.get(a) ?? 0) + (this.#sizes.get(b) ?? 0))
    return name
  }

  fold(fn: 'bitmapAnd' | 'bitmapOr', [first = '', ...rest]: readonly Sql[]): Sql {
    return rest.reduce((sofar, name) => this.part(fn, sofar, name), first)
  }

  /** Everybody but these. */
  without(name: Sql): Sql {
    this.#needsEverybody = true
    return this.part('bitmapAndnot', 'everybody', name)
  }

  plan(): BitmapPlan {
    const binder = this.#binder
    const leaves = [...this.#leaves.values()]
    const byValue = leaves.every(({ values }) => values !== undefined)
    const named = leaves.flatMap(({ definition, values }) => (values ?? []).map(value => ({ definition, value })))
    const columns = leaves.map(({ definition, values }, index) => {
      const isValue = values ? `has(${binder.texts(values)}, value)` : `value != 'false'`
      return `groupBitmapMergeStateIf(members, definition = ${binder.whole(definition)} and ${isValue}) as l${index}`
    })
    return {
      definitions: [...new Set(leaves.map(({ definition }) => definition))],
      only: byValue ? [...named, { definition: everybody, value: '' }] : undefined,
      needsEverybody: this.#needsEverybody,
      leaves: [...columns, ...(this.#needsEverybody ? [`groupBitmapMergeStateIf(members, definition = ${everybody}) as everybody`] : [])],
      parts: this.#parts,
      branches: this.branches,
      params: binder.params(),
    }
  }
}
