import type { EntityKind } from '../catalogue/kinds.ts'
import { type MarkedPath, type Marks, stepsOf } from '../dictionary/marks.ts'
import type { Filter } from './filter.ts'
import { type EventRule, measureNames, namesOf, type Selection } from './kinds/event-shape.ts'
import type { SequenceRule } from './kinds/sequence-shape.ts'

/** The consent purposes that reading an event's property needs. Reading the event at all is the empty path. */
function ofPath(tree: MarkedPath | undefined, path: string): string[] {
  const found: string[] = []
  let at = tree
  for (const step of [undefined, ...stepsOf(path)]) {
    at = step === undefined ? at : at?.inside.get(step)
    if (at?.mark?.sensitive !== undefined) found.push(at.mark.sensitive)
  }
  return found
}

/** @param kinds of entities: an `item` filter reads the properties that name them */
export function purposesOf(rule: EventRule | SequenceRule, marks: Marks, kinds: readonly EntityKind[] = []): string[] {
  const selections: Selection[] = 'sequence' in rule ? rule.sequence : [rule]
  const measured = 'sequence' in rule ? [] : measureNames.flatMap(name => ofMeasure(rule[name]))
  const own = selections.flatMap(selection =>
    ofSelection(selection, [...measured, ...(rule.per === undefined ? [] : [rule.per])], marks, kinds),
  )
  const without = rule.without ? ofSelection(rule.without, rule.per === undefined ? [] : [rule.per], marks, kinds) : []
  return [...new Set([...own, ...without])]
}

function ofMeasure(measure: object | undefined): string[] {
  return measure && 'prop' in measure && typeof measure.prop === 'string' ? [measure.prop] : []
}

function ofSelection({ event, where = [] }: Selection, paths: readonly string[], marks: Marks, kinds: readonly EntityKind[]): string[] {
  const read = ['', ...paths, ...where.flatMap(filter => pathsOf(filter, kinds))]
  return namesOf(event).flatMap(name => read.flatMap(path => ofPath(marks.ofEvent(name), path)))
}

/** Properties that a filter reads, also on its way to an entity. */
export function pathsOf(filter: Filter, kinds: readonly EntityKind[] = []): string[] {
  if ('all' in filter) return filter.all.flatMap(one => pathsOf(one, kinds))
  if ('any' in filter) return filter.any.flatMap(one => pathsOf(one, kinds))
  if ('not' in filter) return pathsOf(filter.not, kinds)
  if ('item' in filter) return [...(kinds.find(({ key }) => filter.item.startsWith(`${key}.`))?.namedBy ?? [])]
  return 'prop' in filter ? [filter.prop] : []
}
