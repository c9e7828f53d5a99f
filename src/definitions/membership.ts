import type { Json } from '../collect/event.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import type { Queryable } from '../store/postgres.ts'
import { type Base, basesOf, everybody } from './bases.ts'

/**
 * Who has which value, as bitmaps: (base ∪ gained) ∖ lost. Definitions of which nothing changed since their generation are read as they are.
 * This is the one place that knows how memberships are kept.
 */
export interface MembershipStores {
  postgres: Queryable
  clickhouse: ClickHouse
}

/** A statement and its values. */
export interface Bitmaps {
  /** Rows of `definition`, `value` (JSON text; empty for a number that anybody may have another of) and `members` (a bitmap of profiles). */
  text: string
  params: Record<string, unknown>
}

const none = `select toUInt32(0) as definition, '' as value, groupBitmapState(toUInt32(0)) as members where false`

/**
 * @param only these values of definitions, where it is known which are wanted
 * @param prefix of the parameters, where a statement holds several of these
 */
export function currentBitmaps(
  bases: readonly Base[],
  only?: readonly { definition: number; value: string }[],
  prefix: '' | 'other' = '',
): Bitmaps {
  const settled = bases.filter(one => !one.isChanged)
  const changed = bases.filter(one => one.isChanged)
  const wanted = only ? `and (definition, value) in arrayZip({${prefix}onlyOf:Array(UInt32)}, {${prefix}onlyValues:Array(String)})` : ''
  const base = (name: string) =>
    `select definition, value, members from bitmaps
     where (definition, generation) in arrayZip({${prefix}${name}:Array(UInt32)}, {${prefix}${name}Generations:Array(UInt64)}) ${wanted}`
  const delta = `select definition, value, groupBitmapStateIf(profile, is_member) as gained, groupBitmapStateIf(profile, not is_member) as lost from (
      select definition, value, profile, argMax(member, tick) as is_member from memberships
      where has({${prefix}changed:Array(UInt32)}, definition) ${wanted} group by definition, value, profile
    ) group by definition, value`
  const combined = `select if(b.is_there, b.definition, d.definition) as definition, if(b.is_there, b.value, d.value) as value,
      bitmapOr(bitmapAndnot(b.members, d.lost), d.gained) as members
    from (select 1 as is_there, * from (${base('changed')})) as b full join (${delta}) as d on b.definition = d.definition and b.value = d.value`
  const parts = [...(settled.length > 0 ? [base('settled')] : []), ...(changed.length > 0 ? [combined] : [])]
  return {
    text: parts.length === 0 ? none : parts.join('\nunion all\n'),
    params: {
      ...placesOf(`${prefix}settled`, settled),
      ...placesOf(`${prefix}changed`, changed),
      ...(only && { [`${prefix}onlyOf`]: only.map(one => one.definition), [`${prefix}onlyValues`]: only.map(one => one.value) }),
    },
  }
}

function placesOf(name: string, bases: readonly Base[]): Record<string, number[]> {
  if (bases.length === 0) return {}
  return { [name]: bases.map(({ definition }) => definition), [`${name}Generations`]: bases.map(({ generation }) => generation) }
}

export interface ValueCount {
  value: Json
  count: number
}

export interface Coverage {
  /** Profiles that have any value. */
  count: number
  /** The values by how many have them; a number that anybody may have another of is counted as null. */
  values: ValueCount[]
}

const valuesAtMost = 1000

/** How many have each of these definitions, by definition number. */
export async function coverageOf(
  { postgres, clickhouse }: MembershipStores,
  definitions: readonly number[],
): Promise<Map<number, Coverage>> {
  if (definitions.length === 0) return new Map()
  const { text, params } = currentBitmaps(await basesOf(postgres, definitions))
  const rows = await clickhouse.query<{ definition: number; n: number; counts: [string, number][] }>(
    `select definition, groupBitmapMerge(members) as n,
       arraySlice(arrayReverseSort(one -> one.2, arraySort(groupArray((value, bitmapCardinality(members))))), 1, ${valuesAtMost}) as counts
     from (${text}) group by definition`,
    params,
  )
  const known = new Map(
    rows.map(({ definition, n, counts }) => [definition, { count: n, values: counts.filter(([, one]) => one > 0).map(valueCount) }]),
  )
  return new Map(definitions.map(id => [id, known.get(id) ?? { count: 0, values: [] }]))
}

function valueCount([value, count]: [string, number]): ValueCount {
  return { value: value === '' ? null : (JSON.parse(value) as Json), count }
}

/** Profiles that have a value of a definition, in the order of their ids. @param value all without it */
export async function membersOf(
  { postgres, clickhouse }: MembershipStores,
  definition: number,
  { value, after, limit }: { value?: Json | undefined; after: number; limit: number },
): Promise<number[]> {
  const only = value === undefined ? undefined : [{ definition, value: JSON.stringify(value) }]
  const { text, params } = currentBitmaps(await basesOf(postgres, [definition]), only)
  const [row] = await clickhouse.query<{ members: number[] }>(
    `select arraySort(bitmapToArray(bitmapSubsetLimit(groupBitmapMergeState(members), toUInt32({after:UInt32} + 1), {limit:UInt32}))) as members from (${text})`,
    { ...params, after, limit },
  )
  return row?.members ?? []
}

/** How many have a value of a definition, of them how many are members of another definition. */
export interface Overlap {
  definition: number
  /** JSON text. */
  value: string
  count: number
  both: number
}

/** Of every value of these definitions, how many have it, and how many of the members of one have it. */
export async function overlapOf(
  { postgres, clickhouse }: MembershipStores,
  one: number,
  others: readonly number[],
): Promise<{ size: number; total: number; overlaps: Overlap[] }> {
  const bases = await basesOf(postgres, [one, everybody, ...others])
  const total = bases.find(({ definition }) => definition === everybody)?.members ?? 0
  const members = currentBitmaps(bases.filter(({ definition }) => definition === one))
  const other = currentBitmaps(
    bases.filter(({ definition }) => others.includes(definition)),
    undefined,
    'other',
  )
  const params = { ...members.params, ...other.params }
  const all = `select groupBitmapMergeState(members) as all_of from (${members.text})`
  const [overlaps, [row]] = await Promise.all([
    clickhouse.query<Overlap>(
      `select definition, value, bitmapCardinality(o.members) as count, bitmapAndCardinality(o.members, m.all_of) as both
       from (${other.text}) as o cross join (${all}) as m where count > 0 order by definition, count desc, value`,
      params,
    ),
    clickhouse.query<{ size: number }>(`select bitmapCardinality(all_of) as size from (${all})`, members.params),
  ])
  return { size: row?.size ?? 0, total, overlaps }
}

/** Rows of `profile` and `value`, one per value that a profile has of a definition. */
export async function heldBy(postgres: Queryable, definition: number): Promise<Bitmaps> {
  const { text, params } = currentBitmaps(await basesOf(postgres, [definition]))
  return { text: `select value, arrayJoin(bitmapToArray(members)) as profile from (${text})`, params }
}
