import { stepsOf } from '../dictionary/marks.ts'
import { namesOf } from '../rules/kinds/event-shape.ts'
import { Plan, type RuleContext } from '../rules/plan.ts'
import type { Sql } from '../rules/sql/binder.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import { type EdgeSource, edgeSources, type NamedRelation } from './edges.ts'

/** What a person is tied to. */
export interface Neighbour {
  relation: string
  kind: string
  id: string
  /** Σ w · 2^(−age/half-life), at `now`. */
  weight: number
  /** When the latest event happened, ms. */
  last: number
  count: number
}

/**
 * The strongest neighbours of a person, at most `limit` in each relation.
 * @param given the consent purposes that the person has given: what needs another is left out
 */
export async function neighboursOf(
  clickhouse: ClickHouse,
  relations: readonly NamedRelation[],
  context: RuleContext,
  person: { leaves: readonly number[]; given: ReadonlySet<string> },
  limit: number,
): Promise<Neighbour[]> {
  const plan = new Plan(context)
  const sources = edgeSources(relations, plan).filter(({ needs }) => needs.every(purpose => person.given.has(purpose)))
  if (sources.length === 0) return []
  const edges = joinedEdges(sources)
  const rows = await clickhouse.query<{ source: number; id: string; weight: number; last: number; n: number }>(
    `${plan.preamble} select relation, kind, any(source) as source, id, round(sum(weight), 6) as weight, max(at) as last, count() as n
     from (
       ${plan.rows.with(edges)} select toUnixTimestamp64Milli(ts) as at, ${edges} as edge,
         edge.1 as relation, edge.2 as kind, edge.3 as source, edge.4 as id, edge.5 as weight
       from events where leaf in {leaves:Array(UInt32)} and ${isAmong(sources, plan)}
     ) group by relation, kind, id order by weight desc, last desc, id limit {limit:UInt32} by relation`,
    { ...plan.binder.params(), leaves: person.leaves, limit },
  )
  return rows.map(({ source, id, weight, last, n }) => {
    const { relation, kind } = named(sources, source)
    return { relation, kind, id, weight, last: Number(last), count: n }
  })
}

/** Who is tied to an entity. */
export interface Near {
  profile: number
  weight: number
  last: number
  count: number
}

/** What the same people are tied to. */
export interface Beside {
  kind: string
  id: string
  /** How many of them. */
  people: number
  weight: number
}

export interface Surroundings {
  /** Of whom anything ties to the entity since then. */
  people: number
  nearest: Near[]
  /** How many of the nearest were asked what else they are tied to. */
  asked: number
  beside: Beside[]
}

/** Their facts lie scattered, so each costs a granule. */
const askedAtMost = 500

/**
 * The people nearest to an entity since a moment, and what else they are tied to since then. What needs a consent is left out: a list of who had which
 * treatment is nobody's to browse.
 */
export async function surroundingsOf(
  clickhouse: ClickHouse,
  relations: readonly NamedRelation[],
  context: RuleContext,
  entity: { kind: string; id: string },
  { since, limit }: { since: number; limit: number },
): Promise<Surroundings> {
  const plan = new Plan(context)
  const sources = edgeSources(relations, plan).filter(({ needs }) => needs.length === 0)
  const own = sources.filter(({ source }) => source.kind === entity.kind)
  if (own.length === 0) return { people: 0, nearest: [], asked: 0, beside: [] }
  const ties = own.map(source => `(${namesSql(source, entity.id, plan)} and ${source.own})`)
  const weights = own.map((source, index) => `if(${ties[index]}, ${source.weight}, 0)`).join(' + ')
  const counts = ties.map(tie => `toUInt32(${tie})`).join(' + ')
  const params = () => ({ ...plan.binder.params(), since })
  const people = await clickhouse.query<{ profile: number; weight: number; last: number; n: number; people: number }>(
    `${plan.preamble} select if(m.root = 0, f.leaf, m.root) as profile, round(sum(f.w), 6) as weight, max(f.last) as last, sum(f.n) as n, count() over () as people
     from (
       ${plan.rows.with(weights + counts)} select leaf, sum(${weights}) as w, toInt64(max(toUnixTimestamp64Milli(ts))) as last, sum(${counts}) as n
       from events where ts > fromUnixTimestamp64Milli({since:Int64}) and ${isAmong(own, plan)} and (${ties.join(' or ')}) group by leaf
     ) as f left join ${mapping} as m on m.leaf = f.leaf
     group by profile order by weight desc, last desc, profile limit ${askedAtMost}`,
    params(),
  )
  const nearest = people.slice(0, limit).map(({ profile, weight, last, n }) => ({ profile, weight, last: Number(last), count: Number(n) }))
  const asked = people.map(({ profile }) => profile)
  const beside = asked.length === 0 ? [] : await besideOf(clickhouse, sources, plan, entity, { asked, limit, params: params() })
  return { people: Number(people[0]?.people ?? 0), nearest, asked: asked.length, beside }
}

async function besideOf(
  clickhouse: ClickHouse,
  sources: readonly EdgeSource[],
  plan: Plan,
  entity: { kind: string; id: string },
  { asked, limit, params }: { asked: readonly number[]; limit: number; params: Record<string, unknown> },
): Promise<Beside[]> {
  const set = '(select arrayJoin({asked:Array(UInt32)}))'
  const edges = joinedEdges(sources)
  const among = isAmong(sources, plan)
  const rows = await clickhouse.query<{ source: number; id: string; people: number; weight: number }>(
    `${plan.preamble} select kind, any(source) as source, id, uniqExact(if(m.root = 0, f.leaf, m.root)) as people, round(sum(f.weight), 6) as weight
     from (
       ${plan.rows.with(edges)} select leaf, ${edges} as edge, edge.2 as kind, edge.3 as source, edge.4 as id, edge.5 as weight
       from events where ts > fromUnixTimestamp64Milli({since:Int64}) and ${among}
         and leaf in (select arrayJoin({asked:Array(UInt32)}) union all select leaf from ${mapping} where root in ${set})
     ) as f left join ${mapping} as m on m.leaf = f.leaf
     group by kind, id order by people desc, weight desc, id limit {limit:UInt32}`,
    { ...params, ...plan.binder.params(), asked, limit: limit + 1 },
  )
  return rows
    .map(({ source, id, people, weight }) => ({ kind: named(sources, source).kind, id, people: Number(people), weight }))
    .filter(({ kind, id }) => kind !== entity.kind || id !== entity.id)
    .slice(0, limit)
}

/**
 * Whether an event names the entity. Where no list is expected on the way, only subcolumns of single types are read: measured over 20 million events, that takes
 * a fifth of the time. (A list of ids of mixed types is then found from the person's side alone.)
 */
function namesSql({ source, keys }: EdgeSource, id: string, { binder }: Plan): Sql {
  const steps = stepsOf(source.prop)
  if (steps.includes('[]')) return `hasAny(${keys}, ${binder.texts([`t${id}`, `n${id}`])})`
  const value = `props.${steps.map(step => binder.name(step)).join('.')}`
  const text = binder.text(id)
  const number = Number(id)
  const asNumber = `${value}.:Float64 = ${binder.number(number)} or ${value}.:Int64 = ${binder.number(number)}`
  const tests = [
    `${value}.:String = ${text}`,
    `has(${value}.:\`Array(Nullable(String))\`, ${text})`,
    ...(id.trim() !== '' && Number.isFinite(number) ? [asNumber] : []),
  ]
  return `ifNull(${tests.join(' or ')}, 0)`
}

/** Where a leaf's facts go, if not to itself. */
const mapping = '(select leaf, argMax(root, version) as root from roots group by leaf)'

function isAmong(sources: readonly EdgeSource[], { binder, context }: Plan): Sql {
  const names = [...new Set(sources.flatMap(({ source }) => namesOf(source.event)))]
  return `ts <= fromUnixTimestamp64Milli(${binder.whole(context.now)}, 'UTC') and event in ${binder.texts(names)}`
}

/** A row for each edge of an event: relation, kind and source by their numbers, the entity's id, the weight. */
function joinedEdges(sources: readonly EdgeSource[]): Sql {
  const relations = [...new Set(sources.map(({ relation }) => relation.key))]
  const kinds = [...new Set(sources.map(({ source }) => source.kind))]
  const parts = sources.map(({ relation, source, own, keys, weight }, index) => {
    const place = `toUInt16(${relations.indexOf(relation.key)}), toUInt16(${kinds.indexOf(source.kind)}), toUInt16(${index})`
    return `if(${own}, arrayMap(k -> tuple(${place}, substring(k, 2), ${weight}), arrayFilter(k -> not startsWith(k, 'b'), ${keys})), [])`
  })
  return `arrayJoin(arrayConcat(${parts.join(', ')}))`
}

function named(sources: readonly EdgeSource[], place: number): { relation: string; kind: string } {
  const found = sources[place]
  return { relation: found?.relation.key ?? '', kind: found?.source.kind ?? '' }
}
