import type { EntityKind } from '../catalogue/kinds.ts'
import type { Json, JsonObject } from '../collect/event.ts'
import { offsetAt, plus } from './calendar.ts'
import { durationOf, wholeDays } from './duration.ts'
import type { Filter } from './filter.ts'
import { momentIn } from './iso-date.ts'
import { type Dimension, type DimensionSource, sourcesOf } from './kinds/dimension-shape.ts'
import { type EventRule, measureNames, namesOf, type Selection } from './kinds/event-shape.ts'
import type { SequenceRule } from './kinds/sequence-shape.ts'
import { askedOf, type Scalar, type SinceOperators, type ValueOperators } from './operators.ts'
import type { AffinityRule, Rule } from './schema.ts'
import type { Window } from './window.ts'

export interface NaiveEvent {
  leaf: number
  ts: number
  position: number
  event: string
  props: JsonObject
  context: JsonObject
}
export interface NaiveTrait {
  leaf: number
  ts: number
  position: number
  key: string
  value: Json
}
export interface NaiveConsent {
  leaf: number
  ts: number
  position: number
  purpose: string
  given: boolean
}
export interface NaiveEntity {
  kind: string
  id: string
  attributes: JsonObject
}
export interface NaiveWorld {
  zone: string
  events: NaiveEvent[]
  traits: NaiveTrait[]
  consents: NaiveConsent[]
  roots: Map<number, number>
  /** Consent purpose by event name, by `event.prop`, by `trait:key`. */
  sensitive: Map<string, string>
  /** Consent purpose by the trait that mirrors it. */
  mirrors?: Map<string, string>
  kinds?: EntityKind[]
  entities?: NaiveEntity[]
  since?: { entry?: number; step?: number }
  /** By name. */
  dimensions?: ReadonlyMap<string, Dimension>
}

/** True, false, or unknown. */
export type Verdict = boolean | null

/** Section 5 of the design, word by word and without haste: what the compiled statement must say of every profile. */
export function naive(rule: Rule, world: NaiveWorld, now: number): Map<number, Verdict> {
  const profileOf = (leaf: number) => world.roots.get(leaf) ?? leaf
  const of = <T extends { leaf: number; ts: number; position: number }>(facts: T[], profile: number) =>
    facts.filter(fact => profileOf(fact.leaf) === profile && fact.ts <= now).sort((a, b) => a.ts - b.ts || a.position - b.position)
  const facts = [...world.events, ...world.traits, ...world.consents]
  const profiles = new Set(facts.filter(({ ts }) => ts <= now).map(({ leaf }) => profileOf(leaf)))
  return new Map(
    [...profiles].map(profile => {
      const person: Person = {
        world,
        now,
        events: of(world.events, profile),
        traits: of(world.traits, profile),
        consents: of(world.consents, profile),
      }
      return [profile, verdict(rule, person)]
    }),
  )
}

interface Person {
  world: NaiveWorld
  now: number
  events: NaiveEvent[]
  traits: NaiveTrait[]
  consents: NaiveConsent[]
}

function verdict(rule: Rule, person: Person): Verdict {
  if ('all' in rule) return both(rule.all.map(one => verdict(one, person)))
  if ('any' in rule) return negated(both(rule.any.map(one => negated(verdict(one, person)))))
  if ('not' in rule) return negated(verdict(rule.not, person))
  if ('of' in rule) {
    const verdicts = rule.of.map(one => verdict(one, person))
    if (verdicts.filter(one => one === true).length >= rule.atLeast) return true
    return verdicts.filter(one => one !== false).length >= rule.atLeast ? null : false
  }
  const dimension = 'affinity' in rule ? dimensionOf(rule, person) : undefined
  const isKnown = (dimension ? readByDimension(dimension, person.world) : readBy(rule, person.world)).every(place => {
    const purpose = person.world.sensitive.get(place)
    return purpose === undefined || isGiven(purpose, person)
  })
  if (!isKnown) return null
  if ('consent' in rule) return isGiven(rule.consent, person)
  if ('trait' in rule) return holds(traitValue(rule.trait, person), rule, person)
  if ('sequence' in rule) return sequenceHolds(rule, person)
  if ('event' in rule) return eventHolds(rule, person)
  if ('affinity' in rule) return affinityHolds(rule, person)
  throw new Error('not a fact')
}

function both(verdicts: Verdict[]): Verdict {
  if (verdicts.includes(false)) return false
  return verdicts.includes(null) ? null : true
}

function negated(one: Verdict): Verdict {
  return one === null ? null : !one
}

function isGiven(purpose: string, { consents }: Person): boolean {
  return consents.findLast(consent => consent.purpose === purpose)?.given ?? false
}

function traitValue(trait: string, { world, traits, consents }: Person): Json {
  const mirrored = world.mirrors?.get(trait)
  if (mirrored !== undefined) return consents.findLast(({ purpose }) => purpose === mirrored)?.given ?? null
  return traits.findLast(({ key }) => key === trait)?.value ?? null
}

function readBy(rule: Rule, world: NaiveWorld): string[] {
  if ('trait' in rule) return [`trait:${rule.trait}`]
  if (!('event' in rule || 'sequence' in rule)) return []
  const per = rule.per === undefined ? [] : [rule.per]
  const measured = 'event' in rule ? measureNames.flatMap(name => (rule[name] as { prop?: string } | undefined)?.prop ?? []) : []
  const steps: Selection[] = 'event' in rule ? [rule] : rule.sequence
  const ofSelection = (selection: Selection, props: string[]) =>
    namesOf(selection.event).flatMap(name => [
      name,
      ...[...props, ...(selection.where ?? []).flatMap(filter => propsOf(filter, world))].map(prop => `${name}.${prop}`),
    ])
  return [...steps.flatMap(step => ofSelection(step, [...per, ...measured])), ...(rule.without ? ofSelection(rule.without, per) : [])]
}

function propsOf(filter: Filter, world: NaiveWorld): string[] {
  if ('all' in filter) return filter.all.flatMap(one => propsOf(one, world))
  if ('any' in filter) return filter.any.flatMap(one => propsOf(one, world))
  if ('not' in filter) return propsOf(filter.not, world)
  if ('item' in filter) return namedBy(filter.item, world)
  return 'prop' in filter ? [filter.prop] : []
}

function eventHolds(rule: EventRule, person: Person): boolean {
  const own = person.events.filter(event => isOf(event, rule, person))
  const forbidden = rule.without ? person.events.filter(event => isOf(event, rule.without as Selection, person)) : []
  const { per } = rule
  if (per === undefined) return forbidden.length === 0 && measureHolds(rule, own, person)
  return valuesOf(own, per).some(value => {
    const has = (event: NaiveEvent) => keysAt(event, per).includes(value)
    return !forbidden.some(has) && measureHolds(rule, own.filter(has), person)
  })
}

function sequenceHolds(rule: SequenceRule, person: Person): boolean {
  const { per, sequence, without, within } = rule
  const step = (index: number) => person.events.filter(event => isOf(event, { ...sequence[index], within } as Selection, person))
  const steps = sequence.map((_, index) => step(index))
  const forbidden = without ? person.events.filter(event => isOf(event, without, person)) : []
  if (per === undefined) return chainIn(steps, forbidden, rule, person)
  return valuesOf(steps.flat(), per).some(value => {
    const has = (event: NaiveEvent) => keysAt(event, per).includes(value)
    return chainIn(
      steps.map(events => events.filter(has)),
      forbidden.filter(has),
      rule,
      person,
    )
  })
}

/** Tries every chain. */
function chainIn(steps: NaiveEvent[][], forbidden: NaiveEvent[], rule: SequenceRule, { world }: Person): boolean {
  const from = (index: number, first: number, previous: number): boolean => {
    if (index === steps.length) return !forbidden.some(({ ts }) => ts > first && ts < previous)
    const within = rule.sequence[index]?.within
    return (steps[index] ?? []).some(({ ts }) => {
      if (index === 0) return from(1, ts, ts)
      return ts > previous && (within === undefined || ts < plus(world.zone, previous, durationOf(within))) && from(index + 1, first, ts)
    })
  }
  return from(0, 0, 0)
}

function isOf(event: NaiveEvent, { event: names, where = [], within }: Selection, person: Person): boolean {
  return namesOf(names).includes(event.event) && isInside(event.ts, within, person) && where.every(one => filterHolds(one, event, person))
}

function isInside(ts: number, window: Window | undefined, { now, world }: Person): boolean {
  const { zone } = world
  if (window === undefined) return true
  if (typeof window === 'string') return ts <= now && now < plus(zone, ts, durationOf(window))
  if ('ago' in window) return plus(zone, ts, durationOf(window.ago[1])) <= now && now < plus(zone, ts, durationOf(window.ago[0]))
  if ('since' in window) return ts > (world.since?.[window.since] ?? Number.NaN) && ts <= now
  const { from, to } = window
  return (from === undefined || ts >= (momentIn(from, zone) ?? 0)) && (to === undefined || ts < (momentIn(to, zone) ?? 0))
}

function filterHolds(filter: Filter, event: NaiveEvent, person: Person): boolean {
  if ('all' in filter) return filter.all.every(one => filterHolds(one, event, person))
  if ('any' in filter) return filter.any.some(one => filterHolds(one, event, person))
  if ('not' in filter) return !filterHolds(filter.not, event, person)
  if ('prop' in filter) return holds(valueAt(event.props, filter.prop), filter, person)
  if ('context' in filter) return holds(valueAt(event.context, filter.context), filter, person)
  if ('item' in filter) return holds(itemValue(event, filter.item, person.world), filter, person)
  const local = new Date(event.ts + offsetAt(person.world.zone, event.ts))
  if (filter.time === 'hour') return holds(local.getUTCHours(), filter, person)
  if (filter.time === 'weekday') return holds(local.getUTCDay() || 7, filter, person)
  return holds(local.toISOString().slice(0, 10), filter, person)
}

/** A list for paths through lists. */
function valueAt(object: Json, path: string): Json {
  let values: Json[] = [object]
  for (const part of path.split('.')) {
    const name = part.replaceAll('[]', '')
    values = values.map(value => (isObject(value) ? (value[name] ?? null) : null))
    for (let lists = (part.length - name.length) / 2; lists > 0; lists--)
      values = values.flatMap(value => (Array.isArray(value) ? value : []))
  }
  if (!path.includes('[]')) return values[0] ?? null
  const there = values.filter(value => value !== null)
  return there.length === 0 ? null : there
}

function namedBy(item: string, { kinds = [] }: NaiveWorld): string[] {
  return kinds.find(({ key }) => key === item.split('.')[0])?.namedBy ?? []
}

/** What the attribute is for all entities that the event names: a list, where there is any. */
function itemValue(event: NaiveEvent, item: string, world: NaiveWorld): Json {
  const [kind, attribute = ''] = item.split('.')
  const ids = namedBy(item, world)
    .flatMap(path => plainAt(event, path))
    .flatMap(value => (typeof value === 'string' || Number.isSafeInteger(value) ? [String(value)] : []))
  const values = (world.entities ?? [])
    .filter(entity => entity.kind === kind && ids.includes(entity.id))
    .map(({ attributes }) => attributes[attribute] ?? null)
    .filter(value => value !== null)
  return values.length === 0 ? null : values.flat()
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function plainAt(event: NaiveEvent, path: string): Scalar[] {
  const value = valueAt(event.props, path)
  return (Array.isArray(value) ? value : [value]).filter(isScalar)
}

function keysAt(event: NaiveEvent, path: string): string[] {
  return plainAt(event, path).map(value => JSON.stringify(value))
}

function valuesOf(events: NaiveEvent[], path: string): string[] {
  return [...new Set(events.flatMap(event => keysAt(event, path)))]
}

function isScalar(value: Json): value is Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function measureHolds(rule: EventRule, events: NaiveEvent[], person: Person): boolean {
  const { zone } = person.world
  const numbers = (path: string) => events.flatMap(event => plainAt(event, path)).filter(value => typeof value === 'number')
  const rounded = (value: number) => Math.round(value * 1e6) / 1e6
  const sum = (path: string) => numbers(path).reduce((total, value) => total + value, 0)
  const having = (path: string) => events.map(event => valueAt(event.props, path)).filter(value => value !== null && !isObject(value))
  if (rule.count) return holds(events.length, rule.count, person)
  if (rule.days) {
    const days = events.map(({ ts }) => Math.floor((ts + offsetAt(zone, ts)) / 86_400_000))
    return holds(new Set(days).size, rule.days, person)
  }
  if (rule.sinceLast) return sinceHolds(events.at(-1)?.ts, rule.sinceLast, person)
  if (rule.sinceFirst) return sinceHolds(events[0]?.ts, rule.sinceFirst, person)
  if (rule.sum) return holds(rounded(sum(rule.sum.prop)), rule.sum, person)
  if (rule.avg) {
    const count = numbers(rule.avg.prop).length
    return holds(count === 0 ? null : rounded(sum(rule.avg.prop) / count), rule.avg, person)
  }
  if (rule.min) return holds(extreme(numbers(rule.min.prop), Math.min), rule.min, person)
  if (rule.max) return holds(extreme(numbers(rule.max.prop), Math.max), rule.max, person)
  if (rule.distinct) return holds(valuesOf(events, rule.distinct.prop).length, rule.distinct, person)
  if (rule.first) return holds(having(rule.first.prop)[0] ?? null, rule.first, person)
  if (rule.last) return holds(having(rule.last.prop).at(-1) ?? null, rule.last, person)
  return events.length > 0
}

function extreme(numbers: number[], of: (...values: number[]) => number): Json {
  return numbers.length === 0 ? null : of(...numbers)
}

function sinceHolds(ts: number | undefined, operators: SinceOperators, { now, world }: Person): boolean {
  if (operators.exists === false) return ts === undefined && Object.keys(operators).length === 1
  if (ts === undefined) return false
  const at = (duration: string) => plus(world.zone, ts, durationOf(duration))
  const { gt, gte, lt, lte, between } = operators
  return (
    (gt === undefined || now > at(gt)) &&
    (gte === undefined || now >= at(gte)) &&
    (lt === undefined || now < at(lt)) &&
    (lte === undefined || now <= at(lte)) &&
    (between === undefined || (now >= at(between[0]) && now <= at(between[1])))
  )
}

/** Every operator holds; on a list for any of its elements. */
function holds(value: Json, operators: ValueOperators, person: Person): boolean {
  return askedOf(operators).every(([name, wanted]) => operatorHolds(value, name, wanted, person))
}

function operatorHolds(value: Json, name: string, wanted: unknown, person: Person): boolean {
  if (name === 'exists') return (value !== null) === wanted
  if (name === 'ne') return !operatorHolds(value, 'eq', wanted, person)
  if (name === 'notIn') return !operatorHolds(value, 'in', wanted, person)
  return (Array.isArray(value) ? value : [value]).some(one => plainHolds(one, name, wanted, person))
}

function plainHolds(value: Json, name: string, wanted: unknown, { now, world: { zone } }: Person): boolean {
  if (name === 'eq') return isScalar(value) && value === wanted
  if (name === 'in') return isScalar(value) && (wanted as Scalar[]).includes(value)
  const [from, to] = (Array.isArray(wanted) ? wanted : []) as [number, number]
  const bound = wanted as number
  if (typeof value === 'number') {
    const tests: Record<string, boolean> = {
      gt: value > bound,
      gte: value >= bound,
      lt: value < bound,
      lte: value <= bound,
      between: value >= from && value <= to,
    }
    return tests[name] ?? false
  }
  if (typeof value !== 'string') return false
  const text = wanted as string
  if (name === 'contains') return value.includes(text)
  if (name === 'startsWith') return value.startsWith(text)
  if (name === 'endsWith') return value.endsWith(text)
  const ts = momentIn(value, zone)
  if (ts === undefined) return false
  if (name === 'before') return ts < (momentIn(text, zone) ?? Number.NaN)
  if (name === 'after') return ts > (momentIn(text, zone) ?? Number.NaN)
  if (name === 'withinLast') return ts <= now && now < plus(zone, ts, durationOf(text))
  if (name === 'withinNext') return now < ts && ts <= plus(zone, now, durationOf(text))
  if (name === 'anniversaryWithin') return daysToAnniversary(ts, now, zone) <= (wholeDays(text) ?? -1)
  return false
}

function daysToAnniversary(ts: number, now: number, zone: string): number {
  const dayMs = 86_400_000
  const born = new Date(ts + offsetAt(zone, ts))
  const today = Math.floor((now + offsetAt(zone, now)) / dayMs)
  const year = new Date(today * dayMs).getUTCFullYear()
  const inYear = (y: number) => {
    const isLeap = new Date(Date.UTC(y, 1, 29)).getUTCMonth() === 1
    const isLeapDay = born.getUTCMonth() === 1 && born.getUTCDate() === 29
    return Date.UTC(y, born.getUTCMonth(), isLeapDay && !isLeap ? 28 : born.getUTCDate()) / dayMs
  }
  return inYear(year) >= today ? inYear(year) - today : inYear(year + 1) - today
}

function dimensionOf({ affinity }: AffinityRule, { world }: Person): Dimension {
  const found = world.dimensions?.get(affinity.dimension)
  if (!found) throw new Error('no such dimension')
  return found
}

function readByDimension(dimension: Dimension, world: NaiveWorld): string[] {
  return sourcesOf(dimension).flatMap(source => {
    const { event, where = [], weight } = source
    const props = [
      ...('prop' in source ? [source.prop] : []),
      ...(typeof weight === 'string' ? [weight] : []),
      ...where.flatMap(one => propsOf(one, world)),
    ]
    return namesOf(event).flatMap(name => [name, ...props.map(one => `${name}.${one}`)])
  })
}

/** Section 7: what each value of the dimension weighs, in the order of the values' JSON; undefined where nothing is said. */
export function naivePreferences(dimension: Dimension, person: Pick<Person, 'events' | 'now' | 'world'>) {
  const duration = durationOf(dimension.half_life)
  const h = 'ms' in duration ? duration.ms : Number.NaN
  const counted = sourcesOf(dimension).flatMap(source =>
    person.events
      .filter(event => isOf(event, { event: source.event, where: source.where }, { ...person, traits: [], consents: [] }))
      .filter(event => preferredIn(event, source, person.world.zone).length > 0)
      .map(event => {
        const said = typeof source.weight === 'string' ? valueAt(event.props, source.weight) : (source.weight ?? 1)
        return {
          ts: event.ts,
          keys: new Set(preferredIn(event, source, person.world.zone)),
          weight: typeof said === 'number' && said > 0 ? said : 0,
        }
      }),
  )
  const weighing = counted.filter(({ weight }) => weight > 0)
  if (counted.length < dimension.min_events || weighing.length === 0) return undefined
  // Shares do not depend on the moment that everything is weighed at: at the latest event nothing that matters vanishes.
  const latest = Math.max(...weighing.map(({ ts }) => ts))
  const sums = new Map<string, number>()
  for (const { ts, keys, weight } of weighing)
    for (const key of keys) sums.set(key, (sums.get(key) ?? 0) + weight * 2 ** ((ts - latest) / h))
  const total = [...sums.values()].reduce((sum, one) => sum + one, 0)
  const faded = 2 ** ((latest - person.now) / h)
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, sum]) => ({ key, share: Math.round((sum / total) * 1e6) / 1e6, raw: sum > 0 ? Math.max(sum * faded, 2.3e-308) : 0 }))
}

function affinityHolds(rule: AffinityRule, person: Person): boolean {
  const preferences = naivePreferences(dimensionOf(rule, person), person)
  const { share, raw } = preferences?.find(({ key }) => key === JSON.stringify(rule.affinity.value)) ?? { share: 0, raw: 0 }
  const { affinity: _, strength, ...operators } = rule
  return (
    holds(preferences ? share : null, operators, person) &&
    (strength === undefined || holds(preferences ? raw / (raw + 3) : null, strength, person))
  )
}

function preferredIn(event: NaiveEvent, source: DimensionSource, zone: string): string[] {
  if ('prop' in source) return keysAt(event, source.prop)
  if ('by' in source) throw new Error('a literal event has no channel')
  const local = new Date(event.ts + offsetAt(zone, event.ts))
  if (source.time === 'weekday') return [`${local.getUTCDay() || 7}`]
  const hour = local.getUTCHours()
  if (source.time === 'hour') return [`${hour}`]
  return [JSON.stringify(hour < 6 ? 'night' : hour < 12 ? 'morning' : hour < 18 ? 'afternoon' : 'evening')]
}
