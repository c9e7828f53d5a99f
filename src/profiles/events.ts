import type { JsonObject } from '../collect/event.ts'
import { unescapeKeys } from '../collect/representable.ts'
import type { Position } from '../log/position.ts'
import { Refusal } from '../refusal.ts'
import type { ClickHouse } from '../store/clickhouse.ts'

/** An event as the API shows it. */
export interface EventView {
  position: string
  leaf: number
  event: string
  ts: string
  receivedAt: string
  source: string
  channel: string
  historical: boolean
  messageId: string
  props: JsonObject
  context: JsonObject
}

export interface EventFilter {
  /** Only these people's leaves; everybody without it. */
  leaves?: readonly number[]
  events?: readonly string[]
  source?: string
  /** By event time, ms: `from ≤ ts < to`. */
  from?: number
  to?: number
  historical?: boolean
  messageId?: string
}

/** Newest first by (ts, position); `next` continues where the page ended. */
export async function eventsPage(
  clickhouse: ClickHouse,
  filter: EventFilter,
  limit: number,
  cursor?: string,
): Promise<{ events: EventView[]; next?: string }> {
  const after = cursor === undefined ? undefined : cursorFrom(cursor)
  const conditions = [
    ...conditionsOf(filter),
    ...(after ? ['(ts, position) < (fromUnixTimestamp64Milli({afterTs:Int64}), {afterPosition:UInt64})'] : []),
  ]
  const rows = await clickhouse.query<EventRow>(
    `select ${columns} from events where ${conditions.join(' and ') || 'true'} order by ts desc, position desc limit {limit:UInt32}`,
    { ...paramsOf(filter), afterTs: after?.ts, afterPosition: after?.position, limit: limit + 1 },
  )
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { events: page.map(viewOf), ...(rows.length > limit && last ? { next: `${last.at}-${last.place}` } : {}) }
}

/** Events at positions in `[from, until)` in order of arrival: what the live tail shows. */
export async function eventsBetween(
  clickhouse: ClickHouse,
  from: Position,
  until: Position,
  filter: EventFilter,
  limit: number,
): Promise<EventView[]> {
  const conditions = ['position >= {fromPosition:UInt64}', 'position < {untilPosition:UInt64}', ...conditionsOf(filter)]
  const rows = await clickhouse.query<EventRow>(
    `select ${columns} from events where ${conditions.join(' and ')} order by position limit {limit:UInt32}`,
    {
      ...paramsOf(filter),
      fromPosition: from,
      untilPosition: until,
      limit,
    },
  )
  return rows.map(viewOf)
}

const columns = `leaf, toUnixTimestamp64Milli(ts) as at, toUnixTimestamp64Milli(received_at) as received, toString(position) as place,
  event, message_id, source, channel, historical, props, context`

interface EventRow {
  leaf: number
  at: number
  received: number
  place: string
  event: string
  message_id: string
  source: string
  channel: string
  historical: boolean
  props: JsonObject
  context: JsonObject
}

function conditionsOf(filter: EventFilter): string[] {
  return [
    filter.leaves && 'leaf in {leaves:Array(UInt32)}',
    filter.events && 'event in {events:Array(String)}',
    filter.source !== undefined && 'source = {source:String}',
    filter.from !== undefined && 'ts >= fromUnixTimestamp64Milli({from:Int64})',
    filter.to !== undefined && 'ts < fromUnixTimestamp64Milli({to:Int64})',
    filter.historical !== undefined && 'historical = {historical:Bool}',
    filter.messageId !== undefined && 'message_id = {messageId:String}',
  ].filter(condition => typeof condition === 'string')
}

function paramsOf(filter: EventFilter): Record<string, unknown> {
  return { ...filter }
}

function viewOf(row: EventRow): EventView {
  return {
    position: row.place,
    leaf: row.leaf,
    event: row.event,
    ts: new Date(row.at).toISOString(),
    receivedAt: new Date(row.received).toISOString(),
    source: row.source,
    channel: row.channel,
    historical: row.historical,
    messageId: row.message_id,
    props: unescapeKeys(row.props),
    context: unescapeKeys(row.context),
  }
}

function cursorFrom(cursor: string): { ts: number; position: string } {
  const match = /^(-?\d{1,15})-(\d{1,20})$/.exec(cursor)
  if (!match) throw new Refusal(400, 'bad_cursor', 'The cursor is not one that this API gave; start again without it.')
  return { ts: Number(match[1]), position: match[2] ?? '0' }
}
