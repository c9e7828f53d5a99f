import { createClient } from '@clickhouse/client'
import type { CanonicalEvent } from '../src/collect/event.ts'
import type { Core } from '../src/core.ts'
import { positionOf } from '../src/log/position.ts'
import { batchOf } from '../src/pipeline/batch.ts'
import { Draft } from '../src/pipeline/draft.ts'
import { type FactTable, rowsOf } from '../src/pipeline/rows.ts'
import { median } from './interleave.ts'
import { withCore } from './parts/core.ts'
import { shopRecords } from './parts/workload.ts'
import type { Bench } from './report.ts'

/** log → ClickHouse with identity, dedup and encryption, ÷ a bare insert of the same rows with @clickhouse/client, two in flight. */
const drain: Bench = async report => {
  const people = Number(report.options.people ?? 5_000)
  const rounds = Number(report.options.rounds ?? 4)
  const ours: number[] = []
  const bare: number[] = []
  for (let round = -1; round < rounds; round++) {
    await withCore(async core => {
      const rows = await fill(core, people)
      const results = { ours: 0, bare: 0 }
      for (const contender of round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const))
        results[contender] = contender === 'ours' ? await drained(core) : await inserted(core, rows)
      if (round < 0) return
      report.note(`round ${round + 1}: ours ${Math.round(results.ours)} events/s, bare ${Math.round(results.bare)} events/s`)
      ours.push(results.ours)
      bare.push(results.bare)
    })
  }
  report.figure({ name: 'drain_events_per_s', value: median(ours), better: 'higher' })
  report.figure({ name: 'bare_events_per_s', value: median(bare), better: 'higher' })
  report.figure({ name: 'drain_ratio', value: median(ours) / median(bare), must: 0.35, aim: 0.6, better: 'higher', unit: '%' })
}
export default drain

type Rows = Map<FactTable, object[]>

/** Puts the events into the log, and makes the rows that will come of them. */
async function fill(core: Core, people: number): Promise<Rows> {
  const rows: Rows = new Map()
  let appended: Promise<number> = Promise.resolve(0)
  let offset = 0
  const put = (table: FactTable, row: object) => {
    const known = rows.get(table) ?? []
    known.push(row)
    rows.set(table, known)
  }
  for (const { payload, count } of shopRecords(people)) {
    const leaf = 1 + (offset % people)
    const { items } = batchOf([{ partition: 0, offset, count, appendedAt: 0, payload }])
    const draft = new Draft(positionOf(0, offset), { redact: event => event, look: () => undefined, listsIn: () => [] })
    for (const [place, item] of items.entries()) {
      if (!('event' in item)) continue
      draft.add(place, item.event)
      put('events', eventRow(draft.range, place, leaf, item.event))
    }
    const facts = draft.kept.map(event => ({ position: event.position, leaf, event, identifiers }))
    const ofTraits = rowsOf(draft, facts, change => [[change.key, change.op === 'set' ? change.value : null]])
      .get('traits')
      ?.without(new Set())
    if (ofTraits && 'lines' in ofTraits) for (const line of ofTraits.lines) put('traits', JSON.parse(line) as object)
    if (offset % 2_000 === 0) await appended
    appended = core.events.append(0, payload, count)
    offset += count
  }
  await appended
  return rows
}

const identifiers = '["12345678901234567","2345678901234567"]'

/** As a client would send it. */
function eventRow(range: number, place: number, leaf: number, { messageId, receivedAt, ...event }: CanonicalEvent): object {
  const { ts, source, channel, historical, props, context, event: name } = event
  const decided = { leaf, position: range + place, range, identifiers: JSON.parse(identifiers) as string[] }
  return { ...decided, ts, received_at: receivedAt, event: name, message_id: messageId, source, channel, historical, props, context }
}

async function drained(core: Core): Promise<number> {
  const events = core.events.end(0)
  const startedAt = performance.now()
  core.pipeline.start()
  await core.pipeline.flush()
  const seconds = (performance.now() - startedAt) / 1_000
  const [stored] = await core.stores.clickhouse.query<{ n: number }>('select count() as n from events')
  if (stored?.n !== events) throw new Error(`${stored?.n} of ${events} events were stored`)
  return events / seconds
}

async function inserted(core: Core, rows: Rows): Promise<number> {
  const { clickhouse, clickhouseUrl } = core.stores
  const client = createClient({
    url: clickhouseUrl,
    clickhouse_settings: { async_insert: 0, input_format_try_infer_dates: 0, input_format_try_infer_datetimes: 0 },
  })
  for (const table of rows.keys()) await clickhouse.command(`create table bare_${table} as ${table}`)
  const batches = [...rows].flatMap(([table, values]) =>
    Array.from({ length: Math.ceil(values.length / 10_000) }, (_, n) => ({
      table: `bare_${table}`,
      values: values.slice(n * 10_000, (n + 1) * 10_000),
    })),
  )
  const startedAt = performance.now()
  const lane = async () => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) await client.insert({ ...batch, format: 'JSONEachRow' })
  }
  await Promise.all([lane(), lane()])
  const seconds = (performance.now() - startedAt) / 1_000
  await client.close()
  return (rows.get('events')?.length ?? 0) / seconds
}
