import { z } from '@hono/zod-openapi'

const named = { zh: z.string().trim().max(200).optional(), en: z.string().trim().max(200).optional() }
const propertyPath = z
  .string()
  .min(1)
  .max(300)
  .refine(
    path => path.isWellFormed() && path.split('.').every(step => step.replace(/(\[\])+$/, '').length > 0 && !step.includes('\0')),
    'a path is names joined by dots, [] behind a list: "products[].product_id"',
  )

/** Small letters, digits, `_`: it stands before the dot in `product.category`. */
export const kindKey = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,49}$/, 'a kind is a small letter, then small letters, digits and _')
  .openapi({ example: 'product' })

/** Letters of any script, digits, `_`, `-` and spaces: it stands behind the dot in `product.category`. */
export const attributeKey = z
  .string()
  .max(100)
  .regex(/^[\p{L}\p{N}_][\p{L}\p{N}_ -]*$/u, 'an attribute is letters, digits, _, - and spaces')

export const attributeTypes = ['string', 'number', 'boolean', 'date', 'list'] as const

const attribute = z.strictObject({
  ...named,
  type: z.enum(attributeTypes).optional(),
  values: z.record(z.string().max(200), z.strictObject(named)).optional().openapi({ description: 'Names of values' }),
})

/** What a kind of entity is called, what it has, and by which properties of events one of it is named. */
export const kindDocument = z.strictObject({
  ...named,
  namedBy: z
    .array(propertyPath)
    .max(20)
    .openapi({
      description: 'Properties of events that carry the id of an entity of this kind',
      example: ['product_id', 'products[].product_id', 'sku'],
    }),
  attributes: z
    .record(attributeKey, attribute)
    .refine(attributes => Object.keys(attributes).length <= 200, 'at most 200 attributes can be named')
    .optional(),
})
export type KindDocument = z.infer<typeof kindDocument>

export interface EntityKind extends KindDocument {
  key: string
}

/** Kinds that most workspaces have; a workspace changes them, or adds its own. */
export const defaultKinds: readonly EntityKind[] = [
  kind('product', '商品', 'Product', 'product_id', 'products[].product_id', 'sku'),
  kind('content', '内容', 'Content', 'content_id'),
  kind('service', '服务', 'Service', 'service_id'),
  kind('store', '门店', 'Store', 'store_id'),
  kind('advisor', '顾问', 'Advisor', 'advisor_id'),
  kind('doctor', '医生', 'Doctor', 'doctor_id'),
  kind('coupon', '优惠券', 'Coupon', 'coupon_id'),
  kind('campaign', '活动', 'Campaign', 'campaign_id'),
]

function kind(key: string, zh: string, en: string, ...namedBy: string[]): EntityKind {
  return { key, zh, en, namedBy }
}
