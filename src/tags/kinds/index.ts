import { affinityTag } from './affinity.ts'
import type { TagKind } from './kind.ts'
import { manualTag } from './manual.ts'
import { metricTag } from './metric.ts'
import { ruleTag } from './rule.ts'

/** Every way in which a tag comes to its values. */
export const tagKinds: readonly TagKind<never>[] = [
  ruleTag as TagKind<never>,
  affinityTag as TagKind<never>,
  metricTag as TagKind<never>,
  manualTag as TagKind<never>,
]
