import type { z } from '@hono/zod-openapi'
import type { Assessed } from '../../definitions/assessed.ts'
import type { Definition } from '../../definitions/definition.ts'
import type { DefinitionSet } from '../../definitions/set.ts'
import type { NamedDimension, Runner } from '../../definitions/type.ts'
import type { Plan } from '../../rules/plan.ts'
import type { Rule } from '../../rules/schema.ts'

/** A way in which a tag comes to its values: the shape of its part of the document, and what that means. */
export interface TagKind<Own> {
  key: string
  shape: z.ZodRawShape
  rulesOf(own: Own): { path: string; rule: Rule }[]
  assess(own: Own, plan: Plan, definition: Definition, set: DefinitionSet): Assessed
  /** Whether its values are not known beforehand. */
  isOpen?: (own: Own) => boolean
  /** See `DefinitionType`. */
  defines?: (own: Own) => readonly NamedDimension[]
  dimensionsOf?: (own: Own) => readonly string[]
  eventsOf?: (own: Own) => { path: string; rule: Rule }[]
  /** Why it cannot be kept live, where it cannot. */
  onSchedule?: (own: Own) => string | undefined
  prepare?: (own: Own, runner: Runner) => Promise<unknown>
}
