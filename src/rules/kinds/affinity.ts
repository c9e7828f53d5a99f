import { durationOf } from '../duration.ts'
import { asStoredIn } from '../hidden.ts'
import type { NumberOperators, Scalar } from '../operators.ts'
import type { LeafSql, Plan } from '../plan.ts'
import type { AffinityRule } from '../schema.ts'
import { purposesOf } from '../sensitive.ts'
import type { Sql } from '../sql/binder.ts'
import { earliest, never } from '../sql/never.ts'
import { holds } from '../sql/operator-sql.ts'
import { emptyList, keyOf, keysOf, numberSubject } from '../sql/subject.ts'
import { type Dimension, type DimensionSource, dayparts, sourcesOf } from './dimension-shape.ts'
import { type EventRule, namesOf } from './event-shape.ts'
import { ms, selectionSql } from './selection.ts'

/** What somebody prefers in a dimension, as columns of a plan. */
export interface Preferences {
  /** Whether anything is said: enough events, and some of them weigh something. */
  present: Sql
  /** How many events count. */
  events: Sql
  /** Array(String): keys of the values (see `keysOf`), sorted, and Array(Float64): their shares, rounded to 1e-6 as sums are. */
  keys: Sql
  shares: Sql
  shareOf(value: Scalar): Sql
  /** Σ w · 2^(−(now − ts)/h); 0 where there is none. */
  rawOf(value: Scalar): Sql
  keyOf(value: Scalar): Sql
  halfLifeMs: number
  /** Consent purposes that reading the events needs. */
  needs: readonly string[]
}

const known = new WeakMap<Plan, Map<string, Preferences>>()

/** Adds a dimension to the shared pass of a plan, once however often it is asked for. */
export function preferencesIn(dimension: Pick<Dimension, 'from' | 'half_life' | 'min_events'>, plan: Plan): Preferences {
  const ofPlan = known.get(plan) ?? new Map<string, Preferences>()
  known.set(plan, ofPlan)
  const name = JSON.stringify([dimension.from, dimension.half_life, dimension.min_events])
  const found = ofPlan.get(name) ?? compiled(dimension, plan)
  ofPlan.set(name, found)
  return found
}

/**
 * The events are gathered with their times and weights and folded per profile: measured at a million profiles with 20 events each, that takes
 * a third of the time of a sum per value in the pass, and it can weigh every event against the profile's latest, so that nothing old is lost to underflow.
 * Every lambda has a name of its own: where one stands inside of another of the same name, the store's older analyzer takes one for the other.
 */
function compiled(dimension: Pick<Dimension, 'from' | 'half_life' | 'min_events'>, plan: Plan): Preferences {
  const { binder, context } = plan
  const sources = sourcesOf(dimension)
  const duration = durationOf(dimension.half_life)
  const halfLifeMs = 'ms' in duration ? duration.ms : 0
  const parts = sources.map(source => sourceSql(source, plan))
  const events = plan.column(parts.map(({ count }) => count).join(' + '))
  const gathered = plan.column(
    parts.length === 1 ? (parts[0]?.entries ?? '') : `arrayConcat(${parts.map(({ entries }) => entries).join(', ')})`,
  )
  const h = binder.number(halfLifeMs)
  const latest = plan.column(`arrayMax(entry -> entry.2, ${gathered})`)
  const sums = plan.column(
    `arrayReduce('sumMap', arrayMap(seen -> [seen.1], ${gathered}), arrayMap(each -> [each.3 * exp2((each.2 - ${latest}) / ${h})], ${gathered}))`,
  )
  const total = plan.column(`arraySum(${sums}.2)`)
  const present = plan.column(`toUInt8(${events} >= ${binder.whole(dimension.min_events)} and ${total} > 0)`)
  const now = binder.whole(context.now)
  const keyOf = (value: Scalar) => {
    const [source] = sources
    const place = { event: namesOf(source?.event ?? '')[0] ?? '', path: source && 'prop' in source ? source.prop : '' }
    const stored = place.path === '' ? value : (asStoredIn(place, { eq: value }, context.marks, context.blindIndex).eq ?? value)
    if (typeof stored === 'string') return `concat('t', ${binder.text(stored)})`
    return typeof stored === 'number' ? `concat('n', toString(${binder.number(stored)}))` : `'b${stored ? 1 : 0}'`
  }
  const sumOf = (value: Scalar) => `${sums}.2[indexOf(${sums}.1, ${keyOf(value)})]`
  return {
    present,
    events,
    keys: `${sums}.1`,
    shares: `arrayMap(part -> round(part / ${total}, 6), ${sums}.2)`,
    shareOf: value => `round(${sumOf(value)} / ${total}, 6)`,
    rawOf: value => `if(${sumOf(value)} > 0, greatest(${sumOf(value)} * exp2((${latest} - ${now}) / ${h}), ${least}), 0)`,
    keyOf,
    halfLifeMs,
    needs: [...new Set(sources.flatMap(source => purposesIn(source, plan)))],
  }
}

/** What has faded so far is still more than nothing. */
const least = 2.3e-308

/** Array(Tuple(String key, Int64 ms, Float64 weight)): what the events name that weigh something; and how many events there are with the others. */
function sourceSql(source: DimensionSource, plan: Plan): { entries: Sql; count: Sql } {
  const { own, key, keys, weight } = weighedSource(source, plan)
  const weighs = typeof source.weight === 'string' ? ` and ${weight} > 0` : ''
  if (key === undefined) {
    const entries = `arrayMap(named -> tuple(named, ${ms}, ${weight}), ${keys}), ${own}${weighs}`
    return { entries: plan.events.add('groupArrayArrayIf', entries), count: plan.events.add('countIf', `${own} and notEmpty(${keys})`) }
  }
  const isOne = `${own} and isNotNull(${key})`
  return {
    entries: plan.events.add('groupArrayIf', `tuple(assumeNotNull(${key}), ${ms}, ${weight}), ${isOne}${weighs}`),
    count: plan.events.add('countIf', isOne),
  }
}

/** Over a row of events: whether it is one of the source's, the keys of what it names (see `keysOf`), and what it weighs when it happens. */
export function weighedSource(
  source: DimensionSource,
  plan: Plan,
): { own: Sql; keys: Sql /** The only one, null for none, where no list is expected. */; key?: Sql; weight: Sql; needs: string[] } {
  const { event, where, weight = 1 } = source
  const named = keySql(source, plan)
  return {
    own: selectionSql({ event, where }, plan, plan.eventNames),
    ...('key' in named ? { key: plan.rows.name(named.key) } : {}),
    keys: plan.rows.name('key' in named ? `arrayFilter(k -> isNotNull(k), [${named.key}])` : named.keys),
    weight:
      typeof weight === 'number'
        ? `toFloat64(${plan.binder.number(weight)})`
        : `least(greatest(ifNull(${plan.property('props', weight).number}, 0), 0), 1e100)`,
    needs: purposesIn(source, plan),
  }
}

/** What an event names: the one key, or Array(String) of them. */
function keySql(source: DimensionSource, plan: Plan): { key: Sql } | { keys: Sql } {
  if ('prop' in source) {
    const subject = plan.property('props', source.prop)
    return subject.list === emptyList ? { key: keyOf(subject) } : { keys: `arrayDistinct(${keysOf(subject)})` }
  }
  if ('by' in source) return { key: `concat('t', toString(${source.by}))` }
  const local = plan.calendar.local(ms)
  if (source.time === 'weekday') return { key: `concat('n', toString(toDayOfWeek(${local})))` }
  const hour = plan.rows.name(`toHour(${local})`)
  if (source.time === 'hour') return { key: `concat('n', toString(${hour}))` }
  const parts = Object.entries(dayparts).map(([name, until]) => `${hour} < ${until}, 't${name}'`)
  return { key: `multiIf(${parts.join(', ')}, '')` }
}

function purposesIn(source: DimensionSource, plan: Plan): string[] {
  const { event, where, weight } = source
  const reads: EventRule[] = [{ event, where, ...('prop' in source && { distinct: { prop: source.prop, gte: 1 } }) }]
  if (typeof weight === 'string') reads.push({ event, sum: { prop: weight, gte: 0 } })
  return reads.flatMap(rule => purposesOf(rule, plan.context.marks, plan.context.kinds))
}

/** Compiles the test of a share, of a strength, or of both. */
export function affinityLeaf({ affinity, strength: asked, ...operators }: AffinityRule, dimension: Dimension, plan: Plan): LeafSql {
  const preferences = preferencesIn(dimension, plan)
  const { present, events, halfLifeMs, needs } = preferences
  const share = plan.column(`if(${present}, ${preferences.shareOf(affinity.value)}, null)`)
  const tests = [holds(numberSubject(share, present), operators, plan.operators)]
  if (asked === undefined) return { holds: `(${tests.join(' and ')})`, needs, evidence: { share, events }, due: () => never }
  const raw = plan.column(preferences.rawOf(affinity.value))
  const strength = plan.column(`if(${present}, least(${raw} / (${raw} + 3), ${Number(1 - 2 ** -53)}), null)`)
  tests.push(holds(numberSubject(strength, present), asked, plan.operators))
  const due = () => earliest(thresholdsIn(asked).map(threshold => crossing(raw, present, threshold, halfLifeMs, plan)))
  return { holds: `(${tests.join(' and ')})`, needs, evidence: { share, strength, events }, due }
}

/** Strengths at which the answer may change; what only fades passes each of them once. */
function thresholdsIn({ eq, ne, in: among = [], notIn = [], gt, gte, lt, lte, between = [0, 0] }: NumberOperators): number[] {
  const all = [eq, ne, ...among, ...notIn, gt, gte, lt, lte, ...between]
  return [...new Set(all)].filter(one => one !== undefined).filter(one => one > 0 && one < 1)
}

/**
 * raw · 2^(−Δ/h) ÷ (raw · 2^(−Δ/h) + 3) = θ, solved for Δ. It is looked at from the millisecond before on until it has passed by two, since
 * the closed form and the strength are rounded differently.
 */
function crossing(raw: Sql, present: Sql, threshold: number, halfLifeMs: number, { binder, context }: Plan): Sql {
  const now = binder.whole(context.now)
  const ahead = `${binder.number(halfLifeMs)} * log2(${raw} / ${binder.number((3 * threshold) / (1 - threshold))})`
  return `if(${present} and ${raw} > 0 and ${ahead} > -2, greatest(${now} + 1, ${now} + toInt64(floor(${ahead}))), ${never})`
}
