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

export function purposesOf(rule: EventRule | SequenceRule, marks: Marks): string[] {
  const selections: Selection[] = 'sequence' in rule ? rule.sequence : [rule]
  const measured = 'sequence' in rule ? [] : measureNames.flatMap(name => ofMeasure(rule[name]))
  const own = selections.flatMap(selection => ofSelection(selection, [...measured, ...(rule.per === undefined ? [] : [rule.per])], marks))
  const without = rule.without ? ofSelection(rule.without, rule.per === undefined ? [] : [rule.per], marks) : []
  return [...new Set([...own, ...without])]
}

function ofMeasure(measure: object | undefined): string[] {
  return measure && 'prop' in measure && typeof measure.prop === 'string' ? [measure.prop] : []
}

function ofSelection({ event, where = [] }: Selection, paths: readonly string[], marks: Marks): string[] {
  const read = ['', ...paths, ...where.flatMap(pathsOf)]
  return namesOf(event).flatMap(name => read.flatMap(path => ofPath(marks.ofEvent(name), path)))
}

/** Properties that a filter reads. */
export function pathsOf(filter: Filter): string[] {
  if ('all' in filter) return filter.all.flatMap(pathsOf)
  if ('any' in filter) return filter.any.flatMap(pathsOf)
  if ('not' in filter) return pathsOf(filter.not)
  return 'prop' in filter ? [filter.prop] : []
}
