import type { Json } from '../collect/event.ts'
import type { Definitions } from '../definitions/definitions.ts'
import { statesOf } from '../profiles/states.ts'
import type { Queryable } from '../store/postgres.ts'

/** What is derived of a person, as the API shows it. */
export interface Portrait {
  tags: { key: string; value: Json; score: number; since: string }[]
  audiences: string[]
}

/** The portraits of profiles; a profile of which nothing is held has no entry. @param sensitive whether the values of sensitive tags are shown */
export async function portraitsOf(
  db: Queryable,
  definitions: Definitions,
  profiles: readonly number[],
  sensitive: boolean,
): Promise<Map<number, Portrait>> {
  const states = await statesOf(db, profiles)
  const byId = new Map(definitions.set().all.map(one => [one.id, one]))
  return new Map(
    [...states].map(([profile, { held }]) => {
      const portrait: Portrait = { tags: [], audiences: [] }
      for (const [id, [value, score, since]] of held) {
        const definition = byId.get(id)
        if (definition?.kind === 'audience') portrait.audiences.push(definition.key)
        if (definition?.kind !== 'tag') continue
        const isHidden = !sensitive && (definition.document as { sensitive?: boolean }).sensitive === true
        if (!isHidden) portrait.tags.push({ key: definition.key, value, score, since: new Date(since).toISOString() })
      }
      portrait.tags.sort((a, b) => (a.key < b.key ? -1 : 1))
      portrait.audiences.sort()
      return [profile, portrait]
    }),
  )
}
