import type { Json } from '../../collect/event.ts'
import type { Transition } from './diff.ts'

/** Who gained or lost one value of a definition, as ClickHouse keeps it. */
export interface MembershipChange {
  definition: number
  /** JSON text; empty for a number that anybody may have another of. */
  value: string
  member: boolean
  profiles: number[]
}

/** Everything that a tick changes of who has what: many profiles, few values. */
export class MembershipChanges {
  readonly #byDefinition = new Map<number, Map<string, { gained: number[]; lost: number[] }>>()

  add(definition: number, value: string, profile: number, member: boolean): void {
    let values = this.#byDefinition.get(definition)
    if (!values) {
      values = new Map()
      this.#byDefinition.set(definition, values)
    }
    let change = values.get(value)
    if (!change) {
      change = { gained: [], lost: [] }
      values.set(value, change)
    }
    change[member ? 'gained' : 'lost'].push(profile)
  }

  /** @param isOpen the definition's values are not known beforehand */
  addTransition({ definition, profile, was, isNow }: Transition, isOpen: boolean): void {
    const before = membershipValues(was, isOpen)
    const after = membershipValues(isNow, isOpen)
    for (const value of before) if (!after.includes(value)) this.add(definition, value, profile, false)
    for (const value of after) if (!before.includes(value)) this.add(definition, value, profile, true)
  }

  *[Symbol.iterator](): Generator<MembershipChange> {
    for (const [definition, values] of this.#byDefinition)
      for (const [value, { gained, lost }] of values) {
        if (lost.length > 0) yield { definition, value, member: false, profiles: lost }
        if (gained.length > 0) yield { definition, value, member: true, profiles: gained }
      }
  }

  /** How many pairs of profile and value each definition gained and lost. */
  counts(): { definition: number; gained: number; lost: number }[] {
    return [...this.#byDefinition].map(([definition, values]) => ({
      definition,
      gained: [...values.values()].reduce((sum, { gained }) => sum + gained.length, 0),
      lost: [...values.values()].reduce((sum, { lost }) => sum + lost.length, 0),
    }))
  }
}

const nothing: readonly string[] = []
const certain: readonly string[] = ['true']

/** The values of a definition as memberships name them. @param isOpen its values are not known beforehand: a number is then no name */
export function membershipValues(value: Json | undefined, isOpen: boolean): readonly string[] {
  if (value === undefined) return nothing
  if (value === true) return certain
  const values = Array.isArray(value) ? value : [value]
  return [...new Set(values.map(one => (isOpen && typeof one === 'number' ? '' : JSON.stringify(one))))]
}
