import { durationOf } from '../rules/duration.ts'
import { weighedSource } from '../rules/kinds/affinity.ts'
import type { Plan } from '../rules/plan.ts'
import type { Sql } from '../rules/sql/binder.ts'
import type { RelationDocument, RelationSource } from './relation-document.ts'
import { relationSources } from './relation-document.ts'

/** A relation under its key. */
export interface NamedRelation {
  key: string
  document: RelationDocument
}

/** One mapping rule of a relation, as SQL over a row of events. */
export interface EdgeSource {
  relation: NamedRelation
  source: RelationSource
  /** Whether the event is one of the rule's. */
  own: Sql
  /** Array(String): keys of what it names (see `keysOf`). */
  keys: Sql
  /** What it weighs at `now`: Float64. */
  weight: Sql
  /** Consent purposes that reading it needs. */
  needs: readonly string[]
}

export function edgeSources(relations: readonly NamedRelation[], plan: Plan): EdgeSource[] {
  return relations.flatMap(relation => {
    const duration = durationOf(relation.document.half_life)
    const halfLife = plan.binder.number('ms' in duration ? duration.ms : 0)
    const now = plan.binder.whole(plan.context.now)
    return relationSources(relation.document).map(source => {
      const { own, keys, weight, needs } = weighedSource(source, plan)
      return { relation, source, own, keys, needs, weight: `${weight} * exp2((toUnixTimestamp64Milli(ts) - ${now}) / ${halfLife})` }
    })
  })
}
