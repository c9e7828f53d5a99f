import type { DefinitionType, NamedDimension } from '../definitions/type.ts'
import { preferencesIn } from '../rules/kinds/affinity.ts'
import { type Dimension, eventsIn } from '../rules/kinds/dimension-shape.ts'
import { never } from '../rules/sql/never.ts'
import { type RelationDocument, relationDocument, relationSources } from './relation-document.ts'

/** Relations among the definitions. Each is a dimension too, and one for each kind of entity: `viewed`, `viewed.product`. */
export const relationType: DefinitionType<RelationDocument> = {
  kind: 'relation',
  schema: relationDocument,
  rulesOf: () => [],
  refreshOf: () => 'never',
  isExempt: () => false,
  defines: ({ key, document }) => dimensionsOf(key, document),
  eventsOf: document => eventsIn(document, 'from'),
  assess({ key, document }, plan) {
    const [all] = dimensionsOf(key, document)
    return { value: all ? `toString(${preferencesIn(all.dimension, plan).present})` : "''", score: '0', due: () => never }
  },
}

function dimensionsOf(key: string, document: RelationDocument): NamedDimension[] {
  const sources = relationSources(document)
  const dimension = (kind?: string): Dimension => ({
    from: sources.filter(one => kind === undefined || one.kind === kind).map(({ kind: _, ...source }) => source),
    half_life: document.half_life,
    min_events: 1,
  })
  const kinds = [...new Set(sources.map(({ kind }) => kind))]
  return [{ name: key, dimension: dimension() }, ...kinds.map(kind => ({ name: `${key}.${kind}`, dimension: dimension(kind) }))]
}
