import { z } from '@hono/zod-openapi'
import { dimensionShape } from '../rules/kinds/dimension-shape.ts'
import { about } from './naming.ts'

/** A dimension as it is defined by itself, for affinity tags and rules to name. */
export const dimensionDocument = z.strictObject({ ...about, ...dimensionShape }).openapi('DimensionDocument')
export type DimensionDocument = z.output<typeof dimensionDocument>
