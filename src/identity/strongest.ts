import type { Identifier } from '../collect/event.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import type { NamespaceRules } from './namespace-rules.ts'

/**
 * By profile the strongest identifier that is linked to it, opened: for the server's own facts about a person, which have to find their way
 * to the person as any other. Never to be shown or logged. A profile that holds none has no entry.
 */
export async function strongestIdentifiers(
  db: Queryable,
  rules: NamespaceRules,
  keys: Keys,
  profiles: readonly number[],
): Promise<Map<number, Identifier>> {
  const rows = await db.query<{ asked: number; namespace: string; sealed: Buffer }>(
    `with asked as (select leaf as asked, root from leaves where leaf = any($1::bigint[])),
       own as (
         select asked, root as leaf from asked
         union all select a.asked, l.leaf from asked a join leaves l on l.root = a.root and l.root <> l.leaf
       )
     select asked, i.namespace, i.sealed from own join identifiers i on i.leaf = own.leaf
     where not exists (select from special_identifiers s where s.hash = i.hash) order by asked, i.ts, i.hash`,
    [[...profiles]],
  )
  const found = new Map<number, { rank: number; namespace: string; sealed: Buffer }>()
  for (const { asked, namespace, sealed } of rows) {
    const rule = rules.of(namespace)
    if (!rule || rule.linkClass === 'none') continue
    const known = found.get(asked)
    if (!known || rule.rank < known.rank) found.set(asked, { rank: rule.rank, namespace, sealed })
  }
  return new Map(
    [...found].map(([profile, { namespace, sealed }]) => [
      profile,
      { namespace, value: keys.open(sealed, `identifier:${namespace}`).toString() },
    ]),
  )
}
