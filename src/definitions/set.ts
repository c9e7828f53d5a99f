import type { NamesOf } from '../rules/describe.ts'
import { affinityLeaf } from '../rules/kinds/affinity.ts'
import type { Dimension } from '../rules/kinds/dimension-shape.ts'
import { type DerivedRule, type LeafSql, Plan, type RuleContext } from '../rules/plan.ts'
import { referencesOf } from '../rules/references.ts'
import { earliest, never } from '../rules/sql/never.ts'
import { holds } from '../rules/sql/operator-sql.ts'
import { jsonSubject, numberSubject } from '../rules/sql/subject.ts'
import type { Assessed } from './assessed.ts'
import type { Definition, DefinitionKind } from './definition.ts'
import type { DefinitionType, Refresh } from './type.ts'

/** A dimension, and the definition that it is part of. */
export interface DefinedDimension {
  by: Definition
  dimension: Dimension
}

/** All definitions of a moment, and how one is read inside of a rule. */
export class DefinitionSet {
  readonly all: readonly Definition[]
  /** Of the store, when this was read. */
  readonly revision: number
  readonly #types: ReadonlyMap<DefinitionKind, DefinitionType>
  readonly #byName: ReadonlyMap<string, Definition>
  #dimensions: ReadonlyMap<string, readonly DefinedDimension[]> | undefined
  readonly #inPlan = new WeakMap<Plan, Map<string, Assessed>>()
  readonly #reads = new Map<number, ReadonlySet<string>>()

  constructor(types: readonly DefinitionType[], all: readonly Definition[], revision = 0) {
    this.revision = revision
    this.#types = new Map(types.map(type => [type.kind, type]))
    this.all = all
    this.#byName = new Map(all.map(one => [`${one.kind}:${one.key}`, one]))
  }

  find(kind: DefinitionKind, key: string): Definition | undefined {
    return this.#byName.get(`${kind}:${key}`)
  }

  /** The same set with one document in place of its predecessor, or without it. */
  with(changed: Definition): DefinitionSet {
    return new DefinitionSet([...this.#types.values()], [...this.all.filter(one => one.id !== changed.id), changed])
  }

  typeOf({ kind }: Pick<Definition, 'kind'>): DefinitionType {
    const type = this.#types.get(kind)
    if (!type) throw new Error(`no kind of definition is called ${kind}`)
    return type
  }

  refreshOf(definition: Definition): Refresh {
    return this.typeOf(definition).refreshOf(definition.document)
  }

  /** Whether its values are not known beforehand (a number, the names of what somebody likes). */
  isOpen(definition: Definition): boolean {
    return this.typeOf(definition).isOpen?.(definition.document) ?? false
  }

  get live(): Definition[] {
    return this.all.filter(one => this.refreshOf(one) === 'live')
  }

  /** What a tag, an audience or a dimension is called, and its values. */
  readonly namesOf: NamesOf = (kind, key) => {
    const definition = kind === 'dimension' ? (this.find(kind, key) ?? this.dimension(key)?.by) : this.find(kind, key)
    const said = definition?.document as { zh?: string; en?: string; values?: unknown } | undefined
    if (!said) return undefined
    const values = Array.isArray(said.values) ? (said.values as { value: unknown; zh?: string; en?: string }[]) : []
    return { zh: said.zh, en: said.en, values: new Map(values.map(({ value, zh, en }) => [String(value), { zh, en }])) }
  }

  /** What a definition refers to directly; names that nobody has are left out. */
  referencesOf(definition: Definition): Definition[] {
    const type = this.typeOf(definition)
    const rules = type.rulesOf(definition.document)
    const found = rules.flatMap(({ rule }) => referencesOf(rule)).flatMap(({ rule }) => this.#referred(rule) ?? [])
    const dimensions = type.dimensionsOf?.(definition.document) ?? []
    return [...new Set([...found, ...dimensions.flatMap(name => this.dimension(name)?.by ?? [])])]
  }

  /** The dimension of this name; whoever defined it first, where several do. */
  dimension(name: string): DefinedDimension | undefined {
    return this.dimensionsNamed(name)[0]
  }

  dimensionsNamed(name: string): readonly DefinedDimension[] {
    this.#dimensions ??= Map.groupBy(
      this.all.flatMap(by => (this.typeOf(by).defines?.(by) ?? []).map(one => ({ ...one, by }))),
      one => one.name,
    )
    return this.#dimensions.get(name) ?? []
  }

  /** What refers to it directly. */
  usersOf(definition: Definition): Definition[] {
    return this.all.filter(one => one.id !== definition.id && this.referencesOf(one).some(({ id }) => id === definition.id))
  }

  /** A definition and everything live whose answer follows from its own, directly or through others. */
  withDependents(definition: Definition): Definition[] {
    const found = new Set([definition])
    for (const one of found) for (const user of this.usersOf(one)) if (this.refreshOf(user) === 'live') found.add(user)
    return [...found].filter(one => this.refreshOf(one) !== 'never')
  }

  /** These in the order in which they are worked out: together, but what reads the runs of others among them comes after those. */
  inOrder(definitions: readonly Definition[]): Definition[][] {
    const ids = new Set(definitions.map(({ id }) => id))
    const places = new Map<number, number>()
    const placeOf = (one: Definition): number => {
      const known = places.get(one.id)
      if (known !== undefined) return known
      const runs = this.#runsReadBy(one).filter(({ id }) => ids.has(id))
      const place = Math.max(0, ...runs.map(run => placeOf(run) + 1))
      places.set(one.id, place)
      return place
    }
    const byPlace = Map.groupBy(definitions, placeOf)
    return [...byPlace].sort(([a], [b]) => a - b).map(([, some]) => some)
  }

  /** What is not live and stands in a definition, or in something live that stands in it: a rule reads there what the last run said. */
  #runsReadBy(definition: Definition): Definition[] {
    return this.referencesOf(definition).flatMap(one => (this.refreshOf(one) === 'live' ? this.#runsReadBy(one) : [one]))
  }

  /** The way from a definition back to itself, by keys; undefined where there is none. */
  cycleOf(definition: Definition): string[] | undefined {
    const walk = (at: Definition, path: readonly Definition[]): Definition[] | undefined => {
      for (const next of this.referencesOf(at)) {
        if (next.id === definition.id) return [...path, next]
        if (path.includes(next)) continue
        const found = walk(next, [...path, next])
        if (found) return found
      }
      return undefined
    }
    return walk(definition, [definition])?.map(({ kind, key }) => `${kind} ${key}`)
  }

  /** What a definition reads, what it refers to included (see `Plan.reads`). @param context of any moment */
  readsOf(definition: Definition, context: RuleContext): ReadonlySet<string> {
    const known = this.#reads.get(definition.id)
    if (known) return known
    const plan = new Plan({ ...context, derived: this.derived })
    this.assessed(definition, plan)
    this.#reads.set(definition.id, plan.reads)
    return plan.reads
  }

  /** How a rule reads what it refers to; undefined for names that nobody has. */
  readonly derived = (rule: DerivedRule, plan: Plan): LeafSql | undefined => {
    if ('affinity' in rule) {
      const found = this.dimension(rule.affinity.dimension)
      return found && affinityLeaf(rule, found.dimension, plan)
    }
    const definition = this.#referred(rule)
    if (!definition) return undefined
    const assessed = this.refreshOf(definition) === 'live' ? this.assessed(definition, plan) : this.#input(definition, plan)
    const { value, score, due, choice } = assessed
    // Each is named once: the store takes a named expression as often as it is named.
    if ('audience' in rule) return { holds: choice ? `(${choice.number} = 1)` : `(${value} = 'true')`, needs: [], evidence: {}, due }
    const { tag: _, score: asked, ...operators } = rule
    const isBare = Object.keys(operators).length === 0
    const test = isBare ? "tv not in ('', 'false')" : holds(jsonSubject('tv'), operators, plan.operators)
    const tests = [
      `arrayMap(tv -> toUInt8(${test}), [${value}])[1] = 1`,
      ...(asked
        ? [
            `arrayMap((tv, tw) -> toUInt8(tv != '' and ${holds(numberSubject('tw'), asked, plan.operators)}), [${value}], [toFloat64(${score})])[1] = 1`,
          ]
        : []),
    ]
    return {
      holds: `(${tests.join(' and ')})`,
      needs: [],
      evidence: { value: `arrayMap(tv -> if(tv = '', 'null', tv), [${value}])[1]` },
      due,
    }
  }

  /** A definition worked out within the plan: once, however often it is asked for. */
  assessed(definition: Definition, plan: Plan): Assessed {
    return this.#once(plan, `${definition.id}`, () => {
      const type = this.typeOf(definition)
      return plan.definition(type.isExempt(definition.document), () => type.assess(definition, plan, this))
    })
  }

  /** What the last run said, as far as it was known at the plan's moment. */
  #input(definition: Definition, plan: Plan): Assessed {
    return this.#once(plan, `input ${definition.id}`, () => {
      plan.reads.add(`d:${definition.id}`)
      const isIt = `definition = ${plan.binder.whole(definition.id)}`
      plan.inputIds.add(definition.id)
      const value = plan.column(plan.inputs.add('argMaxIf', `value, (ts, tick), ${isIt}`))
      const score = plan.column(plan.inputs.add('argMaxIf', `score, (ts, tick), ${isIt}`))
      return { value, score, due: () => never }
    })
  }

  #once(plan: Plan, name: string, work: () => Assessed): Assessed {
    const known = this.#inPlan.get(plan) ?? new Map<string, Assessed>()
    this.#inPlan.set(plan, known)
    const found = known.get(name)
    if (found) return found
    const assessed = work()
    let due: string | undefined
    const once = { ...assessed, due: () => (due ??= earliest([assessed.due()])) }
    known.set(name, once)
    return once
  }

  #referred(rule: DerivedRule): Definition | undefined {
    if ('tag' in rule) return this.find('tag', rule.tag)
    if ('audience' in rule) return this.find('audience', rule.audience)
    return this.dimension(rule.affinity.dimension)?.by
  }
}
