import type { Json } from '../collect/event.ts'
import type { Sql } from '../rules/sql/binder.ts'

/** A tag or an audience in SQL, over the columns of the plan that it was compiled into. */
export interface Assessed {
  /** JSON text of the value that applies; empty text for none. An audience has `true`. */
  value: Sql
  /** Float64 in [0, 1]; means nothing where there is no value. */
  score: Sql
  /** See `LeafSql.due`. */
  due: () => Sql
  /** Where the values are known beforehand: which of them applies (UInt16, 0 for none), and their score. */
  choice?: { number: Sql; values: readonly Json[]; score: number }
}
