import type { Marks } from '../dictionary/marks.ts'
import { stepsOf } from '../dictionary/marks.ts'
import { type ObservedPathRow, observedEvents, observedProperties, observedTraits } from '../dictionary/observed.ts'
import { isPersonalTrait } from '../dictionary/personal.ts'
import type { RefusalDetail } from '../refusal.ts'
import type { Queryable } from '../store/postgres.ts'
import { childPaths, childrenOf } from './children.ts'
import { isWholeYears } from './duration.ts'
import { measureNames, namesOf, type Selection } from './kinds/event-shape.ts'
import { askedOf, type ValueOperators } from './operators.ts'
import { invalid } from './parse.ts'
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
 * @throws Refusal for what a personal trait does not allow, and for a comparison with a type that the trait never had
 */
export function check(rule: Rule, observed: Observed, marks: Marks): RefusalDetail[] {
  const faults: RefusalDetail[] = []
  const warnings: RefusalDetail[] = []
  walk(rule, '', (one, path) => {
    if ('trait' in one) {
      const isPersonal = isPersonalTrait(one.trait, marks)
      if (isPersonal) faults.push(...personalFaults(one, path))
      else faults.push(...typeFaults(one, observed.traits.get(one.trait), path))
      if (!observed.traits.has(one.trait))
        warnings.push({ path: joinedPath(path, 'trait'), message: 'this trait was never seen: it counts as missing' })
    }
    const selections: [Selection, string][] =
      'event' in one
        ? [[one, path]]
        : 'sequence' in one
          ? one.sequence.map((step, index) => [step, joinedPath(path, `sequence[${index}]`)])
          : []
    const measured = 'event' in one ? measureNames.flatMap(name => propOf(one[name])) : []
    for (const [selection, at] of selections) warnings.push(...unseen(selection, measured, at, observed))
    if (('event' in one || 'sequence' in one) && one.without)
      warnings.push(...unseen(one.without, [], joinedPath(path, 'without'), observed))
  })
  if (faults.length > 0) throw invalid(faults)
  return warnings
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

function unseen({ event, where = [] }: Selection, measured: readonly string[], path: string, observed: Observed): RefusalDetail[] {
  const names = namesOf(event)
  const events = names.filter(name => !observed.events.has(name))
  const isSeen = (prop: string) =>
    names.some(name =>
      (observed.properties.get(name) ?? []).some(row => row.path === prop || stepsOf(row.path).join('.') === stepsOf(prop).join('.')),
    )
  const props = events.length === names.length ? [] : [...measured, ...where.flatMap(pathsOf)].filter(prop => !isSeen(prop))
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

/** Only where one plain type was ever seen: another could not match. */
function typeFaults(operators: ValueOperators, row: ObservedPathRow | undefined, path: string): RefusalDetail[] {
  const seen = Object.keys(row?.types ?? {}).filter(type => type !== 'null')
  const known = new Set(seen.map(type => (type === 'date' ? 'text' : type)))
  const [type] = known
  if (known.size !== 1 || (type !== 'text' && type !== 'number' && type !== 'boolean')) return []
  return askedOf(operators).flatMap(([name, value]) => {
    const wanted = wantedTypes(name, value)
    if (wanted.length === 0 || wanted.includes(type)) return []
    return [{ path: joinedPath(path, name), message: `this trait holds ${type}, which ${name} with ${wanted.join(' and ')} never matches` }]
  })
}

function wantedTypes(name: string, value: unknown): string[] {
  const typeOf = (one: unknown) => (typeof one === 'string' ? 'text' : typeof one)
  if (name === 'exists') return []
  if (['eq', 'ne', 'in', 'notIn'].includes(name)) return [...new Set((Array.isArray(value) ? value : [value]).map(typeOf))]
  return ['gt', 'gte', 'lt', 'lte', 'between'].includes(name) ? ['number'] : ['text']
}
