import type { Json } from '../collect/event.ts'
import type { ClickHouse } from '../store/clickhouse.ts'

/** Who has which value, the latest tick of each counting. Written over what is stored so far. */
const current = `select definition, value, profile from (
    select definition, value, profile, argMax(member, tick) as is_member from memberships where definition in {definitions:Array(UInt32)} group by definition, value, profile
  ) where is_member`

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

/** How many have each of these definitions, by definition number. */
export async function coverageOf(clickhouse: ClickHouse, definitions: readonly number[]): Promise<Map<number, Coverage>> {
  if (definitions.length === 0) return new Map()
  const rows = await clickhouse.query<{ definition: number; value: string; n: number }>(
    `select definition, value, count() as n from (${current}) group by definition, value order by definition, n desc, value limit 1000 by definition`,
    { definitions },
  )
  const everybody = await clickhouse.query<{ definition: number; n: number }>(
    `select definition, uniqExact(profile) as n from (${current}) group by definition`,
    { definitions },
  )
  const counts = new Map(everybody.map(({ definition, n }) => [definition, n]))
  return new Map(
    definitions.map(id => [
      id,
      {
        count: counts.get(id) ?? 0,
        values: rows
          .filter(({ definition }) => definition === id)
          .map(({ value, n }) => ({ value: value === '' ? null : (JSON.parse(value) as Json), count: n })),
      },
    ]),
  )
}

/** Profiles that have a value of a definition, in the order of their ids. @param value all without it */
export async function membersOf(
  clickhouse: ClickHouse,
  definition: number,
  { value, after, limit }: { value?: Json | undefined; after: number; limit: number },
): Promise<number[]> {
  const isValue = value === undefined ? '' : 'and value = {value:String}'
  const rows = await clickhouse.query<{ profile: number }>(
    `select distinct profile from (${current}) where profile > {after:UInt32} ${isValue} order by profile limit {limit:UInt32}`,
    { definitions: [definition], after, limit, value: value === undefined ? undefined : JSON.stringify(value) },
  )
  return rows.map(({ profile }) => profile)
}
