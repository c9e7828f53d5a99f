import type { z } from '@hono/zod-openapi'
import type { Dimension } from '../rules/kinds/dimension-shape.ts'
import type { Plan } from '../rules/plan.ts'
import type { Rule } from '../rules/schema.ts'
import type { Assessed } from './assessed.ts'
import type { Definition, DefinitionKind } from './definition.ts'
import type { Schedule } from './schedule.ts'
import type { DefinitionSet } from './set.ts'

/**
 * When it is worked out: `live` with every fact and as time passes; on a schedule; or once, when it is defined (a frozen list).
 * What is not live is an input to rules that refer to it. `never`: it is nothing that anybody has.
 */
export type Refresh = 'live' | 'once' | 'never' | Schedule

/** A dimension under the name by which affinities ask for it. */
export interface NamedDimension {
  name: string
  dimension: Dimension
}

/** What every kind of definition has in common: how their documents are read and worked out. */
export interface DefinitionType<Document = unknown> {
  kind: DefinitionKind
  schema: z.ZodType<Document>
  /** The rules that the document holds, with their paths. */
  rulesOf(document: Document): readonly { path: string; rule: Rule }[]
  refreshOf(document: Document): Refresh
  /** Definitions that protect or serve the person read sensitive data without its consent. */
  isExempt(document: Document): boolean
  assess(definition: Definition<Document>, plan: Plan, set: DefinitionSet): Assessed
  /** The dimensions that it defines. */
  defines?(definition: Definition<Document>): readonly NamedDimension[]
  /** The dimensions that it reads besides those of its rules, by name. */
  dimensionsOf?(document: Document): readonly string[]
  /** Rules about the events that it reads besides those of its rules: names that were never seen are told. */
  eventsOf?(document: Document): readonly { path: string; rule: Rule }[]
  /** Whether its values are not known beforehand; they are, without this. */
  isOpen?(document: Document): boolean
  /** The moment (ms) as of which one that is not live is worked out, where that is another than now. */
  momentOf?(definition: Definition<Document>): number | undefined
  /** What a run works out for itself before anybody is assessed; kept as `definition.run`. */
  prepare?(definition: Definition<Document>, runner: Runner): Promise<unknown>
}

/** What `prepare` may ask of the store: rows of a statement over everybody in scope. */
export interface Runner {
  newPlan(): Plan
  /** @param columns expressions with names, over the plan's columns; @param around wraps the statement whose columns these are */
  query<T>(plan: Plan, columns: readonly string[], around: (statement: string) => string): Promise<T[]>
}
