import type { Json } from '../../collect/event.ts'
import type { Held, ProfileState } from '../../profiles/states.ts'
import type { Assessment } from './assess.ts'
import type { Reason } from './work.ts'

/** A change of what a profile has of a definition. */
export interface Transition {
  definition: number
  profile: number
  was: Json | undefined
  isNow: Json | undefined
  score: number
  reason: Reason
}

export interface Difference {
  state: ProfileState
  transitions: Transition[]
  /** Whether the row has to be written. */
  isChanged: boolean
}

/**
 * What becomes of a profile's state.
 * @param evaluated the definitions that were worked out; what was held of others stays
 * @param isWhole all live definitions were worked out, so when it is due next is known exactly
 * @param known numbers that are defined; what is held of another goes, without a word
 */
export function difference(
  profile: number,
  before: ProfileState | undefined,
  now: Assessment,
  evaluated: readonly number[],
  context: { isWhole: boolean; known: ReadonlySet<number>; reason: Reason; at: number },
): Difference {
  const held = new Map<number, Held>()
  for (const [id, one] of before?.held ?? []) if (context.known.has(id)) held.set(id, one)
  let isChanged = before === undefined || held.size !== before.held.size
  const transitions: Transition[] = []
  for (const id of evaluated) {
    const old = held.get(id)
    const value = now.values.get(id)
    if (!old && !value) continue
    if (old && value && same(old[0], value.value)) {
      if (Math.abs(old[1] - value.score) < 1e-9) continue
      held.set(id, [old[0], value.score, old[2]])
      isChanged = true
      continue
    }
    isChanged = true
    if (value) held.set(id, [value.value, value.score, context.reason.at ?? context.at] satisfies Held)
    else held.delete(id)
    transitions.push({ definition: id, profile, was: old?.[0], isNow: value?.value, score: value?.score ?? 0, reason: context.reason })
  }
  const dueAt = context.isWhole || !before ? now.dueAt : Math.min(before.dueAt, now.dueAt)
  return { state: { held, dueAt }, transitions, isChanged: isChanged || dueAt !== before?.dueAt }
}

function same(a: Json, b: Json): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
