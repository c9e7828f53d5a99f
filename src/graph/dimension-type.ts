import type { DefinitionType } from '../definitions/type.ts'
import { preferencesIn } from '../rules/kinds/affinity.ts'
import { eventsIn } from '../rules/kinds/dimension-shape.ts'
import { never } from '../rules/sql/never.ts'
import { type DimensionDocument, dimensionDocument } from './dimension-document.ts'

/** Dimensions among the definitions: nobody has one, tags and rules read them. */
export const dimensionType: DefinitionType<DimensionDocument> = {
  kind: 'dimension',
  schema: dimensionDocument,
  rulesOf: () => [],
  refreshOf: () => 'never',
  isExempt: () => false,
  defines: ({ key, document: { from, half_life, min_events, values } }) => [
    { name: key, dimension: { from, half_life, min_events, ...(values && { values }) } },
  ],
  eventsOf: document => eventsIn(document, 'from'),
  // Compiled to see that it can be; never worked out.
  assess: ({ document }, plan) => ({ value: `toString(${preferencesIn(document, plan).present})`, score: '0', due: () => never }),
}
