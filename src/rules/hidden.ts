import type { CanonicalEvent, Json, JsonObject } from '../collect/event.ts'
import { type Marks, stepsOf } from '../dictionary/marks.ts'
import { type BlindIndexOf, hiddenTrait, isPersonalTrait, redact } from '../dictionary/personal.ts'
import type { Scalar, ValueOperators } from './operators.ts'

const blank: CanonicalEvent = {
  messageId: '',
  event: '',
  ts: 0,
  receivedAt: 0,
  source: '',
  channel: 'other',
  historical: true,
  props: {},
  context: {},
  identifiers: [],
  traits: [],
  consents: [],
}

/** The operators with their values as the pipeline would have stored them in that property. */
export function asStoredIn(
  place: { event: string; path: string; context?: boolean },
  operators: ValueOperators,
  marks: Marks,
  blindIndex: BlindIndexOf,
): ValueOperators {
  const steps = stepsOf(place.path)
  return mapped(operators, value => {
    const nested = steps.reduceRight<Json>((inner, step) => (step === '[]' ? [inner] : { [step]: inner }), value) as JsonObject
    const event = { ...blank, event: place.event, ...(place.context ? { context: nested } : { props: nested }) }
    const stored = redact(event, blindIndex, marks)
    const found = steps.reduce<Json | undefined>(
      (at, step) => (Array.isArray(at) ? at[0] : typeof at === 'object' && at !== null ? at[step] : undefined),
      place.context ? stored.context : stored.props,
    )
    return isScalar(found) ? found : value
  })
}

/** The operators with their values as the trait's are stored: keyed hashes, where it is personal. */
export function asStoredTrait(key: string, operators: ValueOperators, marks: Marks, blindIndex: BlindIndexOf): ValueOperators {
  if (isPersonalTrait(key, marks))
    return mapped(operators, value => {
      const hidden = hiddenTrait(key, value, blindIndex)
      return isScalar(hidden) ? hidden : value
    })
  return mapped(operators, value => {
    const [change] = redact({ ...blank, traits: [{ key, op: 'set', value }] }, blindIndex, marks).traits
    return change?.op === 'set' && isScalar(change.value) ? change.value : value
  })
}

function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function mapped(operators: ValueOperators, change: (value: Scalar) => Scalar): ValueOperators {
  const { eq, ne, in: among, notIn, ...rest } = operators
  return {
    ...rest,
    ...(eq !== undefined && { eq: change(eq) }),
    ...(ne !== undefined && { ne: change(ne) }),
    ...(among !== undefined && { in: among.map(change) }),
    ...(notIn !== undefined && { notIn: notIn.map(change) }),
  }
}
