import { z } from '@hono/zod-openapi'
import { hasOperator, operatorNeeded, type ValueOperators, valueOperators } from './operators.ts'

export const pathText = z
  .string()
  .min(1)
  .max(300)
  .refine(
    path => path.isWellFormed() && path.split('.').every(step => step.replace(/(\[\])+$/, '').length > 0 && !step.includes('\0')),
    'a path is names joined by dots, [] behind a list: "products[].sku"',
  )
  .meta({ examples: ['price', 'products[].sku'] })

const itemText = z
  .string()
  .max(200)
  .regex(/^[a-z][a-z0-9_]*\.[\p{L}\p{N}_][\p{L}\p{N}_ -]*$/u, 'an item is kind and attribute: "product.category"')

/** A test of one event: a property, a part of its context, an attribute of the entity that it names, its time; or several. */
export type Filter =
  | ({ prop: string } & ValueOperators)
  | ({ context: string } & ValueOperators)
  | ({ item: string } & ValueOperators)
  | ({ time: 'hour' | 'weekday' | 'date' } & ValueOperators)
  | { all: Filter[] }
  | { any: Filter[] }
  | { not: Filter }

const filters = () => z.array(filterSchema).min(1).max(50)

export const filterSchema: z.ZodType<Filter> = z
  .lazy(() =>
    z.union([
      z.strictObject({ prop: pathText, ...valueOperators }).refine(hasOperator, operatorNeeded),
      z.strictObject({ context: pathText, ...valueOperators }).refine(hasOperator, operatorNeeded),
      z.strictObject({ item: itemText, ...valueOperators }).refine(hasOperator, operatorNeeded),
      z.strictObject({ time: z.enum(['hour', 'weekday', 'date']), ...valueOperators }).refine(hasOperator, operatorNeeded),
      z.strictObject({ all: filters() }),
      z.strictObject({ any: filters() }),
      z.strictObject({ not: filterSchema }),
    ]),
  )
  .meta({ id: 'Filter' })

export const whereSchema = z.array(filterSchema).max(50)
