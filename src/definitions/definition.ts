/** What is defined once: tags and audiences are worked out for everybody, a dimension or a relation is what they read. */
export const definitionKinds = ['tag', 'audience', 'dimension', 'relation'] as const
export type DefinitionKind = (typeof definitionKinds)[number]

/** A governed document in its present version. */
export interface Definition<Document = unknown> {
  /** Stands for kind and key wherever many rows name it; never used again. */
  id: number
  kind: DefinitionKind
  key: string
  version: number
  document: Document
  /** What a run worked out for itself (edges of quantiles, the bar of a top n); undefined before the first. */
  run: unknown
  /** When its last run or fill ended, ms. */
  ranAt: number | undefined
  /** When the next run of one with a schedule is due, ms. */
  nextRunAt: number | undefined
  createdAt: number
  updatedAt: number
  updatedBy: string
}
