import { childPaths, childrenOf } from '../rules/children.ts'
import type { Count } from '../rules/operations.ts'
import type { Rule, TagRule } from '../rules/schema.ts'
import { Binder, type Sql } from '../rules/sql/binder.ts'
import { type Base, basesOf, everybody } from './bases.ts'
import type { Definition } from './definition.ts'
import { currentBitmaps, type MembershipStores } from './membership.ts'
import type { DefinitionSet } from './set.ts'

/** Who meets a part of a rule: those of a bitmap, or everybody else. Most rules with `not` are answered without a bitmap of everybody so. */
interface Part {
  name: Sql
  isNegated: boolean
}

/** A rule over bitmaps: what each part says is a bitmap of profiles. */
interface BitmapPlan {
  definitions: readonly number[]
  /** The values that are read; undefined where all of a definition are. */
  only: readonly { definition: number; value: string }[] | undefined
  needsEverybody: boolean
  /** Aggregates that collect the leaves, and expressions over them, by name. */
  leaves: readonly Sql[]
  parts: readonly Sql[]
  /** Each part of the rule, in the order of its document. */
  branches: readonly (Part & { path: string })[]
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
  const branches = plan.branches.map(({ path, isNegated }, index) => {
    const held = counts[index] ?? 0
    return { path, count: isNegated ? total - held : held, unknown: 0 }
  })
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
  const write = (one: Rule, path: string): Part | undefined => {
    const place = writer.branches.push({ path, name: '', isNegated: false }) - 1
    const paths = childPaths(one)
    const parts: Part[] = []
    for (const [index, child] of childrenOf(one).entries()) {
      const part = write(child, [path, paths[index]].filter(Boolean).join('.'))
      if (!part) return undefined
      parts.push(part)
    }
    const part = parts.length > 0 ? joined(one, parts, writer) : leafOf(one, set, isSettled, writer)
    if (part) writer.branches[place] = { path, ...part }
    return part
  }
  return write(rule, '') === undefined || writer.operations > operationsAtMost ? undefined : writer.plan()
}

function joined(rule: Rule, parts: readonly Part[], writer: PlanWriter): Part | undefined {
  const [first] = parts
  if ('not' in rule) return first && inverse(first)
  if ('all' in rule) return all(parts, writer)
  if (!('of' in rule)) return any(parts, writer)
  const k = rule.atLeast
  if (k === 1) return any(parts, writer)
  if (k === parts.length) return all(parts, writer)
  if (parts.length > atLeastOfMost) return undefined
  // Those of whom at least j of the rules so far hold.
  let holding: (Sql | undefined)[] = Array.from({ length: k + 1 })
  for (const name of parts.map(part => writer.positive(part)))
    holding = holding.map((atLeast, j) => {
      const fewer = j === 1 ? name : holding[j - 1]
      const more = j === 1 || fewer === undefined ? fewer : writer.part('bitmapAnd', fewer, name)
      if (j === 0 || more === undefined) return atLeast
      return atLeast === undefined ? more : writer.part('bitmapOr', atLeast, more)
    })
  return { name: holding[k] ?? '', isNegated: false }
}

/** By De Morgan's laws, so that nothing has to be taken from everybody. */
function all(parts: readonly Part[], writer: PlanWriter): Part {
  const those = parts.filter(({ isNegated }) => !isNegated).map(({ name }) => name)
  const others = parts.filter(({ isNegated }) => isNegated).map(({ name }) => name)
  if (those.length === 0) return { name: writer.fold('bitmapOr', others), isNegated: true }
  return {
    name: others.reduce((sofar, name) => writer.part('bitmapAndnot', sofar, name), writer.fold('bitmapAnd', those)),
    isNegated: false,
  }
}

function any(parts: readonly Part[], writer: PlanWriter): Part {
  return inverse(all(parts.map(inverse), writer))
}

function inverse({ name, isNegated }: Part): Part {
  return { name, isNegated: !isNegated }
}

function leafOf(rule: Rule, set: DefinitionSet, isSettled: (definition: Definition) => boolean, writer: PlanWriter): Part | undefined {
  const found = 'tag' in rule ? set.find('tag', rule.tag) : 'audience' in rule ? set.find('audience', rule.audience) : undefined
  if (!found || set.refreshOf(found) !== 'live' || set.isOpen(found) || !isSettled(found)) return undefined
  if ('audience' in rule) return writer.leaf({ definition: found.id, values: ['true'] })
  return 'tag' in rule ? tagLeaf(rule, found.id, writer) : undefined
}

/** Of the operators, those that name values. */
function tagLeaf({ tag: _, ...asked }: TagRule, definition: number, writer: PlanWriter): Part | undefined {
  const tests = Object.entries(asked).filter(([, value]) => value !== undefined)
  if (tests.length === 0) return writer.leaf({ definition, values: undefined })
  const parts: Part[] = []
  for (const [operator, value] of tests) {
    if (!['eq', 'in', 'ne', 'notIn'].includes(operator)) return undefined
    const part = writer.leaf({ definition, values: (Array.isArray(value) ? value : [value]).map(one => JSON.stringify(one)) })
    parts.push(operator === 'eq' || operator === 'in' ? part : inverse(part))
  }
  return all(parts, writer)
}

class PlanWriter {
  readonly branches: (Part & { path: string })[] = []
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

  leaf(leaf: Leaf): Part {
    const key = JSON.stringify(leaf)
    this.#leaves.set(key, this.#leaves.get(key) ?? leaf)
    return { name: `l${[...this.#leaves.keys()].indexOf(key)}`, isNegated: false }
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

  /** A bitmap that says it without `not`. */
  positive({ name, isNegated }: Part): Sql {
    if (!isNegated) return name
    this.#needsEverybody = true
    return this.part('bitmapAndnot', 'everybody', name)
  }

  plan(): BitmapPlan {
    const binder = this.#binder
    const leaves = [...this.#leaves.values()]
    const byValue = leaves.every(({ values }) => values !== undefined)
    const named = leaves.flatMap(({ definition, values }) => (values ?? []).map(value => ({ definition, value })))
    const columns = leaves.map(({ definition, values }, index) => {
      const [first = ''] = values ?? []
      const isValue = values
        ? values.length === 1
          ? `value = ${binder.text(first)}`
          : `has(${binder.texts(values)}, value)`
        : `value != 'false'`
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
