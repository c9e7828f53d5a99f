import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** The invented clinic, as its files have it. */
export const clinicFiles = new URL('../../../examples/clinic/', import.meta.url)

/** What the pages and outputs of the clinic say. */
export const banner = '演示数据,均为程序生成'

const rate = z.number().min(0).max(1)
const archetype = z.strictObject({
  key: z.string(),
  zh: z.string(),
  share: rate,
  /** Per day and person while active. */
  views: rate,
  content: rate,
  doctor: rate,
  consult: rate,
  orders: rate,
  treat: rate,
  coupon: rate,
  /** Days after the order in which there are treatments. */
  treat_days: z.number().optional(),
  order_value: z.number(),
  discount: rate,
  max_orders: z.int().optional(),
  /** Days before now since which nothing is heard of them. */
  stops_before: z.number().optional(),
  /** The part of them that orders again in the last 60 days. */
  returns: rate.optional(),
})
export type Archetype = z.infer<typeof archetype>

const product = z.object({
  id: z.string(),
  zh: z.string(),
  category: z.string(),
  price: z.number(),
  sessions: z.number(),
  recovery_days: z.number(),
})
export type Product = z.infer<typeof product>
const content = z.object({ id: z.string(), type: z.string(), topic: z.string() })
export type Content = z.infer<typeof content>
const advisor = z.object({ id: z.string(), store_id: z.string() })

export interface Brand {
  archetypes: Archetype[]
  products: Product[]
  contents: Content[]
  stores: string[]
  /** By store. */
  advisors: Map<string, string[]>
  doctors: string[]
}

export function readBrand(): Brand {
  const read = <T extends z.ZodType>(path: string, schema: T) =>
    z.array(schema).parse(JSON.parse(readFileSync(new URL(path, clinicFiles), 'utf8')))
  const ids = (path: string) => read(path, z.object({ id: z.string() })).map(({ id }) => id)
  const byStore = Map.groupBy(read('catalogue/advisor.json', advisor), one => one.store_id)
  return {
    archetypes: read('population/archetypes.json', archetype),
    products: read('catalogue/product.json', product).filter(({ price }) => price > 0),
    contents: read('catalogue/content.json', content),
    stores: ids('catalogue/store.json'),
    advisors: new Map([...byStore].map(([store, advisors]) => [store, advisors.map(({ id }) => id)])),
    doctors: ids('catalogue/doctor.json'),
  }
}
