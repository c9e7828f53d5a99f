import { z } from '@hono/zod-openapi'
import { Refusal } from '../../refusal.ts'
import { preferencesIn } from '../../rules/kinds/affinity.ts'
import { type Dimension, dimensionSchema, dimensionShape, eventsIn, preferred } from '../../rules/kinds/dimension-shape.ts'
import { onlyPermitted } from '../../rules/permitted.ts'
import { never } from '../../rules/sql/never.ts'
import type { TagKind } from './kind.ts'

const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'a dimension is lower-case letters, digits and _, beginning with a letter, at most 64')
const kindOf = 'of a relation a kind of entity may follow: "viewed.product"'
const named = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63})?$/, `a dimension is lower-case letters, digits and _; ${kindOf}`)
const said = {
  dimension: name.openapi({
    description: 'With `from` it is defined here under this name; without, one that is defined elsewhere',
    example: 'category',
  }),
  gte: z.number().min(0).max(1).default(0).openapi({ description: 'The least share that is said' }),
  top: z
    .int()
    .min(1)
    .max(20)
    .default(1)
    .openapi({ description: 'How many values at most; more than 1 makes the value a list, the most preferred first' }),
}
const shape = {
  affinity: z.union([
    z.strictObject({ ...said, ...dimensionShape }),
    z.strictObject({ ...said, dimension: named, values: z.array(preferred).min(1).max(1000).optional() }),
  ]),
}
type AffinityTag = z.output<z.ZodObject<typeof shape>>

/** What a person prefers in a dimension: the value, or values, of the greatest share. The score is that share. */
export const affinityTag: TagKind<AffinityTag> = {
  key: 'affinity',
  shape,
  rulesOf: () => [],
  isOpen: ({ affinity }) => affinity.values === undefined,
  defines: ({ affinity }) => ('from' in affinity ? [{ name: affinity.dimension, dimension: ownDimension(affinity) }] : []),
  dimensionsOf: ({ affinity }) => ('from' in affinity ? [] : [affinity.dimension]),
  eventsOf: ({ affinity }) => ('from' in affinity ? eventsIn(affinity, 'affinity.from') : []),
  assess({ affinity }, plan, _, set) {
    const dimension = 'from' in affinity ? affinity : set.dimension(affinity.dimension)?.dimension
    if (!dimension)
      throw new Refusal(422, 'invalid-tag', 'unknown dimension: define it first, or here with "from" and "half_life"', [
        { path: 'affinity.dimension', message: 'this workspace has none of that name' },
      ])
    const { present, keys, shares, keyOf, needs } = preferencesIn(dimension, plan)
    const values = affinity.values ?? dimension.values
    const isSaid = values ? ` and has([${values.map(keyOf).join(', ')}], tupleElement(pair, 2))` : ''
    const isEnough = `-tupleElement(pair, 1) >= ${plan.binder.number(affinity.gte)}${isSaid}`
    // Ordered by share, greatest first, then by value.
    const ordered = `arraySort(arrayFilter(pair -> ${isEnough}, arrayMap((share, name) -> tuple(-share, name), ${shares}, ${keys})))`
    const chosen = plan.column(`if(${present}, arraySlice(${ordered}, 1, ${affinity.top}), [])`)
    const texts = `arrayMap(said -> ${jsonOfKey('tupleElement(said, 2)')}, ${chosen})`
    const value = affinity.top === 1 ? `${texts}[1]` : `if(empty(${chosen}), '', concat('[', arrayStringConcat(${texts}, ','), ']'))`
    return {
      value: plan.column(onlyPermitted(value, needs, plan)),
      score: plan.column(`least(1, -tupleElement(${chosen}[1], 1))`),
      due: () => never,
    }
  },
}

function ownDimension({ from, half_life, min_events, values }: Extract<AffinityTag['affinity'], { from: unknown }>): Dimension {
  return dimensionSchema.parse({ from, half_life, min_events, values })
}

/** JSON text of what a key stands for (see `keysOf`). */
function jsonOfKey(key: string): string {
  const rest = `substring(${key}, 2)`
  return `multiIf(startsWith(${key}, 't'), toJSONString(${rest}), startsWith(${key}, 'n'), ${rest}, if(${rest} = '1', 'true', 'false'))`
}
