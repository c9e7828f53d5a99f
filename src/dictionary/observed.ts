import type { Queryable } from '../store/postgres.ts'
import type { TakenSeen } from './observer.ts'
import { examplesAtMost, type ObservedType, types } from './seen.ts'

export interface ObservedRows {
  events: { name: string; count: number; leftOut: number; firstSeen: number; lastSeen: number }[]
  properties: (TakenSeen & { event: string })[]
  traits: TakenSeen[]
  eventsLeftOut: number
  traitsLeftOut: number
}

const columns = ['texts', 'dates', 'numbers', 'booleans', 'lists', 'objects', 'nulls'] as const

/** One statement per kind; rows in the order of their keys, so that two writers never wait for each other. */
export async function saveObserved(tx: Queryable, rows: ObservedRows): Promise<void> {
  if (rows.events.length > 0) await saveEvents(tx, rows.events)
  if (rows.properties.length > 0)
    await saveSeen(
      tx,
      'observed_properties',
      rows.properties,
      rows.properties.map(({ event }) => event),
    )
  if (rows.traits.length > 0) await saveSeen(tx, 'observed_traits', rows.traits)
  const leftOut = { event: rows.eventsLeftOut, trait: rows.traitsLeftOut }
  for (const [kind, count] of Object.entries(leftOut)) {
    if (count === 0) continue
    await tx.query(
      `insert into observed_left_out (kind, count) values ($1, $2)
       on conflict (kind) do update set count = observed_left_out.count + excluded.count`,
      [kind, count],
    )
  }
}

async function saveEvents(tx: Queryable, events: ObservedRows['events']): Promise<void> {
  await tx.query(
    `insert into observed_events (event, count, properties_left_out, first_seen, last_seen)
     select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[]) as new (event, count, left_out, first_seen, last_seen)
     order by event
     on conflict (event) do update set
       count = observed_events.count + excluded.count,
       properties_left_out = observed_events.properties_left_out + excluded.properties_left_out,
       first_seen = least(observed_events.first_seen, excluded.first_seen),
       last_seen = greatest(observed_events.last_seen, excluded.last_seen)`,
    [
      events.map(({ name }) => name),
      events.map(({ count }) => count),
      events.map(({ leftOut }) => leftOut),
      events.map(({ firstSeen }) => new Date(firstSeen)),
      events.map(({ lastSeen }) => new Date(lastSeen)),
    ],
  )
}

/** @param events of properties; traits have none */
async function saveSeen(
  tx: Queryable,
  table: 'observed_properties' | 'observed_traits',
  rows: readonly TakenSeen[],
  events?: readonly string[],
): Promise<void> {
  const key = events ? 'event, path' : 'key'
  await tx.query(
    `insert into ${table} (${key}, ${columns.join(', ')}, examples, first_seen, last_seen)
     select ${key}, ${columns.join(', ')}, array(select jsonb_array_elements_text(examples::jsonb)), first_seen, last_seen
     from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[], ${columns.map((_, index) => `$${index + 5}::bigint[]`).join(', ')}${events ? ', $12::text[]' : ''})
       as new (${events ? 'path' : 'key'}, first_seen, last_seen, examples, ${columns.join(', ')}${events ? ', event' : ''})
     order by ${key}
     on conflict (${key}) do update set
       ${columns.map(column => `${column} = ${table}.${column} + excluded.${column}`).join(', ')},
       examples = case when cardinality(excluded.examples) = 0 or cardinality(${table}.examples) >= ${examplesAtMost} then ${table}.examples
         else array(select distinct example from unnest(${table}.examples || excluded.examples) as all_of (example) limit ${examplesAtMost}) end,
       first_seen = least(${table}.first_seen, excluded.first_seen),
       last_seen = greatest(${table}.last_seen, excluded.last_seen)`,
    [
      rows.map(({ path }) => path),
      rows.map(({ firstSeen }) => new Date(firstSeen)),
      rows.map(({ lastSeen }) => new Date(lastSeen)),
      rows.map(({ examples }) => JSON.stringify(examples)),
      ...columns.map((_, type) => rows.map(({ counts }) => counts[type] ?? 0)),
      ...(events ? [events] : []),
    ],
  )
}

export interface ObservedEventRow {
  event: string
  count: number
  propertiesLeftOut: number
  firstSeen: string
  lastSeen: string
}

export interface ObservedPathRow {
  /** The property's path, the trait's key. */
  path: string
  types: Partial<Record<ObservedType, number>>
  count: number
  examples: string[]
  firstSeen: string
  lastSeen: string
}

/** Observed events by name; one of them if `name` is given. */
export async function observedEvents(db: Queryable, name?: string): Promise<ObservedEventRow[]> {
  const rows = await db.query<{ event: string; count: number; properties_left_out: number; first_seen: Date; last_seen: Date }>(
    'select * from observed_events where $1::text is null or event = $1 order by event',
    [name ?? null],
  )
  return rows.map(({ event, count, properties_left_out, first_seen, last_seen }) => ({
    event,
    count,
    propertiesLeftOut: properties_left_out,
    firstSeen: first_seen.toISOString(),
    lastSeen: last_seen.toISOString(),
  }))
}

export async function observedProperties(db: Queryable, event?: string): Promise<Map<string, ObservedPathRow[]>> {
  const rows = await db.query<SeenRow & { event: string; path: string }>(
    'select * from observed_properties where $1::text is null or event = $1 order by event, path',
    [event ?? null],
  )
  const byEvent = Map.groupBy(rows, row => row.event)
  return new Map([...byEvent].map(([name, properties]) => [name, properties.map(row => pathRow(row.path, row))]))
}

export async function observedTraits(db: Queryable): Promise<ObservedPathRow[]> {
  const rows = await db.query<SeenRow & { key: string }>('select * from observed_traits order by key')
  return rows.map(row => pathRow(row.key, row))
}

export async function observedLeftOut(db: Queryable): Promise<{ events: number; traits: number }> {
  const rows = await db.query<{ kind: string; count: number }>('select kind, count from observed_left_out')
  const of = (kind: string) => rows.find(row => row.kind === kind)?.count ?? 0
  return { events: of('event'), traits: of('trait') }
}

/** What was marked shows no examples any more: the property in one event, or in all, with everything inside it; every property for an empty path. */
export async function dropExamples(tx: Queryable, of: { event: string | undefined; path: string } | { trait: string }): Promise<void> {
  if ('trait' in of) {
    await tx.query("update observed_traits set examples = '{}' where key = $1", [of.trait])
    return
  }
  await tx.query(
    `update observed_properties set examples = '{}'
     where ($1::text is null or event = $1) and ($2 = '' or path = $2 or starts_with(path, $2 || '.') or starts_with(path, $2 || '['))`,
    [of.event ?? null, of.path],
  )
}

type SeenRow = Record<(typeof columns)[number], number> & { examples: string[]; first_seen: Date; last_seen: Date }

function pathRow(path: string, row: SeenRow): ObservedPathRow {
  const counted = columns.map((column, index) => [types[index], row[column]] as const)
  return {
    path,
    types: Object.fromEntries(counted.filter(([, count]) => count > 0)),
    count: counted.reduce((total, [, count]) => total + count, 0),
    examples: row.examples.toSorted(),
    firstSeen: row.first_seen.toISOString(),
    lastSeen: row.last_seen.toISOString(),
  }
}
