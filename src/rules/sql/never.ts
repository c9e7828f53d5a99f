import type { Sql } from './binder.ts'

/** A moment that does not come. */
export const never: Sql = `toInt64(${Number.MAX_SAFE_INTEGER})`

/** The first of several moments. */
export function earliest(moments: readonly Sql[]): Sql {
  const some = [...new Set(moments)].filter(moment => moment !== never)
  return some.length === 0 ? never : some.length === 1 ? (some[0] ?? never) : `least(${some.join(', ')})`
}
