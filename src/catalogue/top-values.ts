import type { Json } from '../collect/event.ts'
import { stepsOf } from '../dictionary/marks.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import { amongSampled, type LeafSample } from './sample.ts'

export interface ValueCount {
  value: Json
  count: number
}

export interface TopValues {
  /** How many events were looked at. */
  looked: number
  /** By property path or trait key, most frequent first. */
  values: Map<string, ValueCount[]>
}

const topmost = 20
const longestValue = 64
const eventsAtMost = 100_000
const pathsAtOnce = 40

/** The most frequent plain values of an event's properties, of lists their elements, in a part of the events. */
export async function topValuesOfEvent(
  clickhouse: ClickHouse,
  event: string,
  paths: readonly string[],
  sample: LeafSample | undefined,
): Promise<TopValues> {
  const found: TopValues = { looked: 0, values: new Map() }
  for (let at = 0; at < paths.length; at += pathsAtOnce) {
    const some = paths.slice(at, at + pathsAtOnce)
    const { text, params } = eventStatement(event, some, sample)
    for (const { place, value, n, looked } of await clickhouse.query<ValueRow>(text, params)) {
      found.looked = looked
      add(found.values, some[place] ?? '', value, n)
    }
  }
  return { ...found, values: worthShowing(found.values) }
}

/** The most frequent values that traits have now, among a part of the people. */
export async function topValuesOfTraits(
  clickhouse: ClickHouse,
  keys: readonly string[],
  sample: LeafSample | undefined,
): Promise<TopValues['values']> {
  if (keys.length === 0) return new Map()
  const { sql, params } = amongSampled(sample)
  const rows = await clickhouse.query<{ key: string; value: string; n: number }>(
    `select key, value, count() as n from (
       select key, arrayJoin(${plainElements('latest')}) as value from (
         select leaf, key, argMax(if(op = 'unset' or json, 'null', ifNull(toJSONString(value), 'null')), (ts, position)) as latest
         from traits where ${sql} and key in {keys:Array(String)} group by leaf, key
       )
     ) where length(value) <= ${longestValue} group by key, value order by n desc, value limit ${topmost} by key`,
    { ...params, keys },
  )
  const found: TopValues['values'] = new Map()
  for (const { key, value, n } of rows) add(found, key, value, n)
  return worthShowing(found)
}

interface ValueRow {
  place: number
  value: string
  n: number
  looked: number
}

function eventStatement(event: string, paths: readonly string[], sample: LeafSample | undefined) {
  const among = amongSampled(sample)
  const params: Record<string, unknown> = { ...among.params, event }
  const columns = paths.map((path, place) => `arrayMap(v -> tuple(${place}, v), ${elementsAt(path, `p${place}`, params)})`)
  const text = `select tupleElement(found, 1) as place, tupleElement(found, 2) as value, count() as n, any(total) as looked from (
      select arrayJoin(arrayConcat(cast([], 'Array(Tuple(UInt16, String))'), ${columns.join(', ')})) as found, count() over () as total
      from (select props from events where event = {event:String} and ${among.sql} limit ${eventsAtMost})
    ) where length(value) <= ${longestValue} group by place, value order by n desc, value limit ${topmost} by place`
  return { text, params }
}

/** Array(String): the plain values at the path as JSON. */
function elementsAt(path: string, name: string, params: Record<string, unknown>): string {
  const steps = stepsOf(path)
  const listAt = steps.indexOf('[]')
  const before = listAt < 0 ? steps : steps.slice(0, listAt)
  const names = before.map((step, index) => {
    params[`${name}_${index}`] = step
    return `{${name}_${index}:Identifier}`
  })
  const json = `ifNull(toJSONString(props.${names.join('.')}), 'null')`
  if (listAt < 0) return plainElements(json)
  const inside = steps.slice(listAt + 1).reduce((sofar, step, index) => {
    if (step === '[]') return `arrayFlatten(arrayMap(x -> JSONExtractArrayRaw(x), ${sofar}))`
    params[`${name}_in${index}`] = step
    return `arrayMap(x -> JSONExtractRaw(x, {${name}_in${index}:String}), ${sofar})`
  }, `JSONExtractArrayRaw(${json})`)
  return plainOnly(inside)
}

function plainElements(json: string): string {
  return plainOnly(`if(startsWith(${json}, '['), JSONExtractArrayRaw(${json}), [${json}])`)
}

function plainOnly(list: string): string {
  return `arrayFilter(x -> not (x in ('', 'null') or startsWith(x, '{') or startsWith(x, '[')), ${list})`
}

function add(values: Map<string, ValueCount[]>, path: string, json: string, count: number): void {
  const known = values.get(path) ?? []
  values.set(path, known)
  known.push({ value: JSON.parse(json) as Json, count })
}

/** Where every value stands alone there is nothing to choose from: those are numbers of orders, times. */
function worthShowing(values: TopValues['values']): TopValues['values'] {
  return new Map([...values].filter(([, counts]) => counts.length < topmost || counts.some(({ count }) => count > 1)))
}
