import type { Count } from '../rules/operations.ts'
import type { Rule } from '../rules/schema.ts'
import { countHeld } from './bitmap-plan.ts'
import type { Definitions } from './definitions.ts'
import { openFills } from './fills.ts'
import type { MembershipStores } from './membership.ts'

export interface HeldCountParts extends MembershipStores {
  definitions: Definitions
  /** Up to when facts are visible, ms. */
  asOf: () => number
  /** Up to when who has what is true in ClickHouse, ms. */
  heldAsOf: () => number
}

/** What is held may be so much older than the facts; then these are asked. */
const lagAtMostMs = 10_000

/** How many meet a rule by now, from who has which tags and audiences; undefined where the facts have to be asked. */
export async function heldCount(parts: HeldCountParts, rule: Rule): Promise<(Count & { asOf: number }) | undefined> {
  const { definitions, postgres } = parts
  const asOf = parts.heldAsOf()
  if (parts.asOf() - asOf > lagAtMostMs) return undefined
  const filling = new Set((await openFills(postgres)).flatMap(fill => fill.definitions))
  const count = await countHeld(parts, rule, definitions.set(), ({ id }) => !filling.has(id))
  return count && { ...count, asOf }
}
