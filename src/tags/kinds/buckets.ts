import { z } from '@hono/zod-openapi'
import type { Binder, Sql } from '../../rules/sql/binder.ts'

const label = z.union([z.string().min(1).max(100), z.number()])
const labels = z
  .array(label)
  .max(101)
  .refine(all => new Set(all).size === all.length, 'each label stands once')
  .optional()
const fixed = z
  .strictObject({
    edges: z
      .array(z.number())
      .min(1)
      .max(100)
      .refine(edges => edges.every((edge, index) => index === 0 || edge > (edges[index - 1] ?? edge)), 'edges ascend, each once')
      .openapi({ description: 'Below the first is bucket 1; an edge belongs to the bucket above it', example: [0.01, 3000, 10_000] }),
    labels,
  })
  .refine(({ edges, labels }) => !labels || labels.length === edges.length + 1, { path: ['labels'], message: 'one label more than edges' })
const byQuantiles = z
  .strictObject({
    quantiles: z.int().min(2).max(100).openapi({ description: 'So many buckets of as equal size as ties allow', example: 5 }),
    order: z.enum(['asc', 'desc']).default('asc').openapi({ description: 'Whether the greatest or the least is in the last bucket' }),
    labels,
  })
  .refine(({ quantiles, labels }) => !labels || labels.length === quantiles, { path: ['labels'], message: 'one label per quantile' })

/** What a number is counted among: between edges that are given, or between the quantiles of everybody. */
export const bucketSchema = z.union([fixed, byQuantiles])
export type Buckets = z.output<typeof bucketSchema>
type ByQuantiles = z.output<typeof byQuantiles>

export function isByQuantiles(buckets: Buckets): buckets is ByQuantiles {
  return 'quantiles' in buckets
}

/** The values that the buckets give, from the first to the last: their labels or numbers. */
export function bucketNames(buckets: Buckets): (string | number)[] {
  const count = isByQuantiles(buckets) ? buckets.quantiles : buckets.edges.length + 1
  return buckets.labels ?? Array.from({ length: count }, (_, index) => index + 1)
}

/** The edges between buckets; undefined where no run has worked them out. */
export function edgesOf(buckets: Buckets, run: unknown): readonly number[] | undefined {
  return isByQuantiles(buckets) ? (run as { edges?: number[] } | undefined)?.edges : buckets.edges
}

/**
 * Which bucket a number is in, from 1 on. Fixed edges belong to the bucket above them; of quantiles, who is at the edge with many others is in the
 * lower bucket with all of them, and buckets between equal edges stay empty.
 */
export function bucketSql(buckets: Buckets, edges: readonly number[], number: Sql, binder: Binder): Sql {
  if (edges.length === 0) return '0'
  const all = binder.numbers(edges)
  if (!isByQuantiles(buckets)) return `1 + countEqual(arrayMap(e -> e <= ${number}, ${all}), 1)`
  return `1 + countEqual(arrayMap(e -> e < ${buckets.order === 'desc' ? '-' : ''}${number}, ${all}), 1)`
}
