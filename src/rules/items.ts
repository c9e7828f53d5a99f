import type { EntityKind } from '../catalogue/kinds.ts'
import { Refusal } from '../refusal.ts'
import { childrenOf } from './children.ts'
import type { Filter } from './filter.ts'
import type { Selection } from './kinds/event-shape.ts'
import type { Rule } from './schema.ts'
import type { Item } from './sql/item-sql.ts'

/** `product.category` as the workspace's catalogue has it. @throws Refusal for a kind that it has not */
export function itemOf(text: string, kinds: readonly EntityKind[] = []): Item {
  const dot = text.indexOf('.')
  const kind = kinds.find(({ key }) => key === text.slice(0, dot))
  if (kind) return { kind: kind.key, attribute: text.slice(dot + 1), namedBy: kind.namedBy }
  const known = kinds.map(({ key }) => key).join(', ')
  throw new Refusal(422, 'invalid-rule', `unknown kind of entity: the catalogue has ${known || 'none'}`)
}

/** Kinds of entities whose attributes the rule looks at: when one of them changes, so may its answer. */
export function kindsIn(rule: Rule): Set<string> {
  const own = selectionsOf(rule).flatMap(({ where = [] }) => where.flatMap(itemsIn))
  return new Set([...own.map(item => item.slice(0, item.indexOf('.'))), ...childrenOf(rule).flatMap(child => [...kindsIn(child)])])
}

function selectionsOf(rule: Rule): Pick<Selection, 'where'>[] {
  if (!('event' in rule || 'sequence' in rule)) return []
  return [...('sequence' in rule ? rule.sequence : [rule]), ...(rule.without ? [rule.without] : [])]
}

function itemsIn(filter: Filter): string[] {
  if ('all' in filter) return filter.all.flatMap(itemsIn)
  if ('any' in filter) return filter.any.flatMap(itemsIn)
  if ('not' in filter) return itemsIn(filter.not)
  return 'item' in filter ? [filter.item] : []
}
