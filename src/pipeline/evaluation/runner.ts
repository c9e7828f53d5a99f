import type { Runner } from '../../definitions/type.ts'
import { statement } from '../../rules/compile.ts'
import { Plan, type RuleContext } from '../../rules/plan.ts'
import type { ClickHouse } from '../../store/clickhouse.ts'

/** Statements over everybody, for what a run works out for itself. */
export function runnerFor(clickhouse: ClickHouse, context: RuleContext): Runner {
  return {
    newPlan: () => new Plan(context),
    query<T>(plan: Plan, columns: readonly string[], around: (text: string) => string) {
      const { text, params } = statement(plan, [...plan.columns, ...columns], {})
      return clickhouse.query<T>(around(`(${text})`), params)
    },
  }
}
