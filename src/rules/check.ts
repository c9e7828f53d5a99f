import type { DeclaredType } from '../dictionary/declared.ts'
import type { Entry } from '../dictionary/entries.ts'
import type { Marks } from '../dictionary/marks.ts'
import { stepsOf } from '../dictionary/marks.ts'
import { type ObservedPathRow, observedEvents, observedProperties, observedTraits } from '../dictionary/observed.ts'
import { isPersonalTrait } from '../dictionary/personal.ts'
import { traitDefinitionsIn } from '../dictionary/trait-definitions.ts'
import type { RefusalDetail } from '../refusal.ts'
import type { Queryable } from '../store/postgres.ts'
import { childPaths, childrenOf } from './children.ts'
import { isWholeYears } from './duration.ts'
import type { Filter } from './filter.ts'
import { measureNames, namesOf, type Selection } from './kinds/event-shape.ts'
import { askedOf, type ValueOperators } from './operators.ts'
import { invalid } from './parse.ts'
import { declaredPlainType, neverMatching, type PlainType, seenType } from './plain-types.ts'
import type { Rule } from './schema.ts'
import { pathsOf } from './sensitive.ts'

/** What was seen so far. */
export interface Observed {
  events: ReadonlySet<string>
  properties: ReadonlyMap<string, readonly ObservedPathRow[]>
  traits: ReadonlyMap<string, ObservedPathRow>
}

export async function observedIn(db: Queryable): Promise<Observed> {
  const [events, properties, traits] = await Promise.all([observedEvents(db), observedProperties(db), observedTraits(db)])
  return { events: new Set(events.map(({ event }) => event)), properties, traits: new Map(traits.map(row => [row.path, row])) }
}

/**
 * What may be a slip: names that were never seen, which count as missing until they are.
 * @throws Refusal for what a personal trait does not allow, and for a comparison with a type that the trait never had: the one that was
 * seen, or where that does not decide, the one that is declared
 */
export function check(rule: Rule, observed: Observed, marks: Marks, entries: readonly Entry[] = []): RefusalDetail[] {
  const declared = traitDefinitionsIn(entries)
  const faults: RefusalDetail[] = []
  const warnings: RefusalDetail[] = []
  walk(rule, '', (one, path) => {
    if ('trait' in one) {
      const isMirror = declared.mirrorOf(one.trait) !== undefined
      const type = declaredPlainType(declared.typeOf(one.trait))
      if (!isMirror && isPersonalTrait(one.trait, marks)) faults.push(...personalFaults(one, path))
      else faults.push(...typeFaults(one, (isMirror ? undefined : seenType(observed.traits.get(one.trait))) ?? type, path))
      if (!observed.traits.has(one.trait) && type === undefined)
        warnings.push({ path: joinedPath(path, 'trait'), message: 'this trait was never seen: it counts as missing' })
    }
    for (const { selection, measured, at } of selectionsIn(one, path))
      warnings.push(...unseen(selection, measured, at, observed, entries), ...unplanned(selection, at, entries))
  })
  if (faults.length > 0) throw invalid(faults)
  return warnings
}

/** What a leaf looks for, with the properties that it measures, and where it stands. */
function selectionsIn(rule: Rule, path: string): { selection: Selection; measured: string[]; at: string }[] {
  if (!('event' in rule || 'sequence' in rule)) return []
  const own =
    'event' in rule
      ? [{ selection: rule, measured: measureNames.flatMap(name => propOf(rule[name])), at: path }]
      : rule.sequence.map((step, index) => ({ selection: step, measured: [], at: joinedPath(path, `sequence[${index}]`) }))
  return rule.without ? [...own, { selection: rule.without, measured: [], at: joinedPath(path, 'without') }] : own
}

function walk(rule: Rule, path: string, visit: (rule: Rule, path: string) => void): void {
  visit(rule, path)
  const paths = childPaths(rule)
  for (const [index, child] of childrenOf(rule).entries()) walk(child, joinedPath(path, paths[index] ?? ''), visit)
}

function joinedPath(path: string, step: string): string {
  return path === '' ? step : `${path}.${step}`
}

function propOf(measure: object | undefined): string[] {
  return measure && 'prop' in measure && typeof measure.prop === 'string' ? [measure.prop] : []
}

function unseen(
  { event, where = [] }: Selection,
  measured: readonly string[],
  path: string,
  observed: Observed,
  entries: readonly Entry[],
): RefusalDetail[] {
  const names = namesOf(event)
  const events = names.filter(name => !observed.events.has(name))
  const isSeen = (prop: string) =>
    typeOfProperty(names, prop, entries) !== undefined ||
    names.some(name =>
      (observed.properties.get(name) ?? []).some(row => row.path === prop || stepsOf(row.path).join('.') === stepsOf(prop).join('.')),
    )
  const props =
    events.length === names.length ? [] : [...measured, ...where.flatMap(filter => pathsOf(filter))].filter(prop => !isSeen(prop))
  return [
    ...(events.length > 0 ? [{ path: joinedPath(path, 'event'), message: 'this event was never seen: it has not happened yet' }] : []),
    ...(props.length > 0 ? [{ path, message: `never seen on this event, so missing: ${[...new Set(props)].join(', ')}` }] : []),
  ]
}

const personalOperators = new Set(['eq', 'ne', 'in', 'notIn', 'exists', 'anniversaryWithin'])

function personalFaults(operators: ValueOperators, path: string): RefusalDetail[] {
  return askedOf(operators).flatMap(([name, value]) => {
    if (personalOperators.has(name) || (name === 'withinLast' && isWholeYears(String(value)))) return []
    const message =
      'a personal trait is kept as a keyed hash: it allows eq, ne, in, notIn, exists; a date also anniversaryWithin and withinLast in whole years'
    return [{ path: joinedPath(path, name), message }]
  })
}

function typeFaults(operators: ValueOperators, type: PlainType | undefined, path: string): RefusalDetail[] {
  return neverMatching(operators, type).map(({ name, wanted }) => ({
    path: joinedPath(path, name),
    message: `this trait holds ${type}, which ${name} with ${wanted} never matches`,
  }))
}

/** Comparisons with a property that is meant to hold another type: it may yet hold this one, so they are told and not refused. */
function unplanned({ event, where = [] }: Selection, path: string, entries: readonly Entry[]): RefusalDetail[] {
  const names = namesOf(event)
  return where.flatMap(flat).flatMap(filter => {
    if (!('prop' in filter)) return []
    const type = declaredPlainType(typeOfProperty(names, filter.prop, entries))
    return neverMatching(filter, type).map(({ name, wanted }) => ({
      path,
      message: `${filter.prop} is declared to hold ${type}, which ${name} with ${wanted} never matches`,
    }))
  })
}

function flat(filter: Filter): Filter[] {
  if ('all' in filter) return filter.all.flatMap(flat)
  if ('any' in filter) return filter.any.flatMap(flat)
  return 'not' in filter ? flat(filter.not) : [filter]
}

/** As declared for one of the events, or for every event. */
function typeOfProperty(events: readonly string[], path: string, entries: readonly Entry[]): DeclaredType | undefined {
  const said = entries.filter(({ kind, name, document }) => kind === 'property' && name === path && document.type !== undefined)
  const own = said.find(({ event }) => event !== undefined && events.includes(event))
  return (own ?? said.find(({ event }) => event === undefined))?.document.type
}
