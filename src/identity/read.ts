import type { Identifier } from '../collect/event.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import { numbers } from '../store/sql-arrays.ts'
import { Slots } from './batch.ts'
import { type NamespaceCache, namespaceCache, type StoredNamespaceRules } from './namespace-cache.ts'
import { readerOf } from './normalise.ts'

/** Reads identifiers as the present configuration does, and learns nothing from them. */
export interface IdentityReader {
  rules(db: Queryable): Promise<StoredNamespaceRules>
  /**
   * Per event the hashes of its usable identifiers as JSON text of UInt64 in decimal, strongest first.
   * @param leaves where each event went: what chose it comes first, as in `Identity.resolve`
   */
  hashesOf(db: Queryable, events: readonly (readonly Identifier[])[], leaves?: readonly number[]): Promise<string[]>
}

export function identityReader(keys: Keys, namespaces: NamespaceCache = namespaceCache()): IdentityReader {
  const rules = async (db: Queryable) => {
    const [head] = await db.query<{ version: number }>('select namespaces_version as version from identity_head')
    return namespaces.rules(db, head?.version ?? 0)
  }
  return {
    rules,
    async hashesOf(db, events, leaves) {
      const slots = new Slots(readerOf(await rules(db), keys))
      const facts = events.map(identifiers => slots.take({ position: 0, ts: 0, source: '', identifiers }))
      const homes = leaves ? await homesOf(db, slots) : []
      return facts.map(({ slots: own }, index) => {
        const deciding = own.find(slot => homes[slot]?.includes(leaves?.[index] ?? 0)) ?? own[0]
        const ordered = deciding === own[0] ? own : [deciding ?? -1, ...own.filter(slot => slot !== deciding)]
        return `[${ordered.map(slot => `"${slots.wanted[slot]?.unsigned}"`).join()}]`
      })
    },
  }
}

/** Per slot the leaves that its identifier can have sent an event to. */
async function homesOf(db: Queryable, { wanted }: Slots): Promise<number[][]> {
  const rows = await db.query<{ slot: number; leaf: number; own: number }>(
    `select w.slot::int - 1 as slot, i.leaf, coalesce(s.own, 0) as own
     from unnest($1::bigint[]) with ordinality w(hash, slot)
     join identifiers i on i.hash = w.hash
     left join special_identifiers s on s.hash = w.hash`,
    [numbers(wanted.map(({ hash }) => hash))],
  )
  const homes: number[][] = wanted.map(() => [])
  for (const { slot, leaf, own } of rows) homes[slot] = [leaf, own].filter(home => home > 0)
  return homes
}
