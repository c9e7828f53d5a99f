import type { Plan } from './plan.ts'
import type { Sql } from './sql/binder.ts'

/** Whether everything that reading sensitive data needs is given at `now`; undefined where nothing is needed. */
export function permitted(needs: readonly string[], plan: Plan): Sql | undefined {
  const asked = plan.isExempt ? [] : [...new Set(needs)]
  return asked.length === 0 ? undefined : `(${asked.map(purpose => plan.consent(purpose)).join(' and ')})`
}

/** A value that nobody has without those consents. @param value JSON text, empty for none */
export function onlyPermitted(value: Sql, needs: readonly string[], plan: Plan): Sql {
  const isPermitted = permitted(needs, plan)
  return isPermitted === undefined ? value : `if(${isPermitted}, ${value}, '')`
}
