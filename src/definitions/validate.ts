import type { Entry } from '../dictionary/entries.ts'
import { Refusal, type RefusalDetail } from '../refusal.ts'
import { check, type Observed } from '../rules/check.ts'
import { statement } from '../rules/compile.ts'
import { parseRule } from '../rules/parse.ts'
import { Plan, type RuleContext } from '../rules/plan.ts'
import type { Definition } from './definition.ts'
import type { DefinitionSet } from './set.ts'

/**
 * Whether a document can be worked out.
 * @returns what may be a slip: names that were never seen
 * @throws Refusal with the path of what cannot
 */
export function validate(
  definition: Definition,
  set: DefinitionSet,
  context: RuleContext,
  observed: Observed,
  entries: readonly Entry[],
): RefusalDetail[] {
  const type = set.typeOf(definition)
  for (const { name } of type.defines?.(definition) ?? [])
    for (const { by } of set.dimensionsNamed(name))
      if (by.id !== definition.id)
        throw new Refusal(
          422,
          'dimension-defined',
          `the dimension ${name} is defined by the ${by.kind} ${by.key}: name it without "from", or take another name`,
        )
  const warnings = [...type.rulesOf(definition.document), ...(type.eventsOf?.(definition.document) ?? [])].flatMap(({ path, rule }) =>
    within(path, () => {
      parseRule(rule)
      return check(rule, observed, context.marks, entries)
    }).map(one => ({ ...one, path: [path, one.path].filter(Boolean).join('.') })),
  )
  const plan = new Plan({ ...context, derived: set.derived })
  const assessed = set.assessed(definition, plan)
  statement(plan, [...plan.columns, `${assessed.value} as value`, `${assessed.due()} as due`], {})
  return warnings
}

/** Paths inside of a rule become paths inside of the document. */
function within<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const details = error.details.map(one => ({ ...one, path: [path, one.path].filter(Boolean).join('.') }))
    throw new Refusal(error.status, error.code, error.message, details)
  }
}
