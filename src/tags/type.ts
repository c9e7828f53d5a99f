import type { DefinitionType } from '../definitions/type.ts'
import { type TagDocument, tagDocument } from './document.ts'
import { tagKinds } from './kinds/index.ts'
import type { TagKind } from './kinds/kind.ts'

/** Tags among the definitions. */
export const tagType: DefinitionType<TagDocument> = {
  kind: 'tag',
  schema: tagDocument,
  rulesOf: document => kindOf(document).rulesOf(document as never),
  refreshOf: ({ refresh }) => (refresh === 'realtime' ? 'live' : refresh),
  isExempt: ({ purpose }) => purpose !== undefined,
  assess: (definition, plan, set) => kindOf(definition.document).assess(definition.document as never, plan, definition, set),
  isOpen: document => kindOf(document).isOpen?.(document as never) ?? false,
  defines: ({ document }) => kindOf(document).defines?.(document as never) ?? [],
  dimensionsOf: document => kindOf(document).dimensionsOf?.(document as never) ?? [],
  eventsOf: document => kindOf(document).eventsOf?.(document as never) ?? [],
  prepare: async ({ document }, runner) => kindOf(document).prepare?.(document as never, runner),
}

export function kindOf({ kind }: Pick<TagDocument, 'kind'>): TagKind<never> {
  const found = tagKinds.find(one => one.key === kind)
  if (!found) throw new Error(`no kind of tag is called ${kind}`)
  return found
}
