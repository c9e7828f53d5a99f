import type { Json } from '../collect/event.ts'
import type { DefinitionKind } from '../definitions/definition.ts'
import type { Queryable } from '../store/postgres.ts'

/** That somebody entered or left an audience, or gained, lost or changed a tag: a transition, as others are told of it. */
export interface Change {
  id: number
  profile: string
  kind: DefinitionKind
  key: string
  change: 'entered' | 'left' | 'gained' | 'lost' | 'changed'
  was: Json
  value: Json
  cause: string
  at: string
  decidedAt: string
}

export interface ChangeFilter {
  /** `tag:lifecycle`, `audience:lost`; all without it. */
  definitions?: readonly string[] | undefined
  causes?: readonly string[] | undefined
  /** Tags marked sensitive are told of too. */
  sensitive: boolean
}

/** Changes after an id, in the order in which they were decided: ticks are decided one after the other, so none appears before one that was told. */
export async function changesAfter(
  db: Queryable,
  after: number,
  { definitions, causes, sensitive }: ChangeFilter,
  limit: number,
): Promise<Change[]> {
  const rows = await db.query<{
    id: number
    profile: number
    kind: DefinitionKind
    key: string
    was: Json
    value: Json
    cause: string
    at: Date
    decided_at: Date
  }>(
    `select t.last - jsonb_array_length(t.changes::jsonb) + c.place as id, t.profile, d.kind, d.key, c.change -> 1 as was, c.change -> 2 as value,
       t.cause, t.at, t.decided_at
     from transitions t cross join jsonb_array_elements(t.changes::jsonb) with ordinality as c(change, place)
       join definitions d on d.id = (c.change ->> 0)::integer
     where t.last > $1 and t.last - jsonb_array_length(t.changes::jsonb) + c.place > $1
       and ($2::text[] is null or d.kind || ':' || d.key = any($2)) and ($3::text[] is null or t.cause = any($3))
       and ($4 or d.kind <> 'tag' or not coalesce((d.document::json ->> 'sensitive')::boolean, false))
     order by t.last, c.place limit $5`,
    [after, definitions ?? null, causes ?? null, sensitive, limit],
  )
  return rows.map(({ id, profile, kind, key, was, value, cause, at, decided_at }) => ({
    id,
    profile: `${profile}`,
    kind,
    key,
    change: changeOf(kind, was, value),
    was,
    value,
    cause,
    at: at.toISOString(),
    decidedAt: decided_at.toISOString(),
  }))
}

function changeOf(kind: DefinitionKind, was: Json, value: Json): Change['change'] {
  if (kind === 'audience') return value === null ? 'left' : 'entered'
  return was === null ? 'gained' : value === null ? 'lost' : 'changed'
}

/** The id of the last change there is. */
export async function lastChange(db: Queryable): Promise<number> {
  const [row] = await db.query<{ id: number | null }>('select max(last) as id from transitions')
  return row?.id ?? 0
}
