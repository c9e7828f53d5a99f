import type { EntityKind } from '../catalogue/kinds.ts'
import { Refusal } from '../refusal.ts'
import type { Item } from './sql/item-sql.ts'

/** `product.category` as the workspace's catalogue has it. @throws Refusal for a kind that it has not */
export function itemOf(text: string, kinds: readonly EntityKind[] = []): Item {
  const dot = text.indexOf('.')
  const kind = kinds.find(({ key }) => key === text.slice(0, dot))
  if (kind) return { kind: kind.key, attribute: text.slice(dot + 1), namedBy: kind.namedBy }
  const known = kinds.map(({ key }) => key).join(', ')
  throw new Refusal(422, 'invalid-rule', `unknown kind of entity: the catalogue has ${known || 'none'}`)
}
