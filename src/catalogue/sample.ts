import type { Queryable } from '../store/postgres.ts'

/** Leaves of which facts are looked at: evenly spread stretches of neighbours, which the store finds without reading the others. */
export interface LeafSample {
  starts: number[]
  width: number
  /** Of all leaves. */
  share: number
}

const stretches = 32

/** @param wanted how many leaves, or which share of them; undefined where that is nearly everything */
export async function leafSample(db: Queryable, wanted: { leaves: number } | { share: number }): Promise<LeafSample | undefined> {
  const [row] = await db.query<{ last: number | null }>('select max(leaf) as last from leaves')
  const last = row?.last ?? 0
  const share = 'share' in wanted ? wanted.share : wanted.leaves / Math.max(last, 1)
  const step = Math.floor(last / stretches)
  const width = Math.ceil((last * share) / stretches)
  if (width * 2 > step) return undefined
  const starts = Array.from({ length: stretches }, (_, index) => 1 + index * step + Math.floor((step - width) / 2))
  return { starts, width, share: (width * stretches) / last }
}

/** A condition on `leaf`, with its parameters. */
export function amongSampled(sample: LeafSample | undefined): { sql: string; params: Record<string, unknown> } {
  if (!sample) return { sql: '1', params: {} }
  const sql = 'leaf in (select arrayJoin(arrayFlatten(arrayMap(start -> range(start, start + {width:UInt32}), {starts:Array(UInt32)}))))'
  return { sql, params: { starts: sample.starts, width: sample.width } }
}
