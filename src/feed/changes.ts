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
    was: string | null
    is_now: string | null
    cause: string
    at: Date
    decided_at: Date
  }>(
    `select t.id, t.profile, d.kind, d.key, t.was, t.is_now, t.cause, t.at, t.decided_at
     from transitions t join definitions d on d.id = t.definition
     where t.id > $1 and ($2::text[] is null or d.kind || ':' || d.key = any($2)) and ($3::text[] is null or t.cause = any($3))
       and ($4 or d.kind <> 'tag' or not coalesce((d.document::json ->> 'sensitive')::boolean, false))
     order by t.id limit $5`,
    [after, definitions ?? null, causes ?? null, sensitive, limit],
  )
  return rows.map(({ id, profile, kind, key, was, is_now, cause, at, decided_at }) => ({
    id,
    profile: `${profile}`,
    kind,
    key,
    change: changeOf(kind, was, is_now),
    was: was === null ? null : (JSON.parse(was) as Json),
    value: is_now === null ? null : (JSON.parse(is_now) as Json),
    cause,
    at: at.toISOString(),
    decidedAt: decided_at.toISOString(),
  }))
}

function changeOf(kind: DefinitionKind, was: string | null, isNow: string | null): Change['change'] {
  if (kind === 'audience') return isNow === null ? 'left' : 'entered'
  return was === null ? 'gained' : isNow === null ? 'lost' : 'changed'
}

/** The id of the last change there is. */
export async function lastChange(db: Queryable): Promise<number> {
  const [row] = await db.query<{ id: number | null }>('select max(id) as id from transitions')
  return row?.id ?? 0
}
