import { setTimeout as sleep } from 'node:timers/promises'
import type { Core } from '../src/core.ts'
import { saveDefinition } from '../src/definitions/store.ts'
import { median, quantile } from './interleave.ts'
import { withCore } from './parts/core.ts'
import type { Bench } from './report.ts'

/**
 * People who were contacted and fall due three days later, 1,000 each second: how long after the moment they are in the audience, which is when
 * everybody can read it. `--seconds 20 --rate 1000`
 */
const bench: Bench = async report => {
  const seconds = Number(report.options.seconds ?? 20)
  const rate = Number(report.options.rate ?? 1_000)
  await withCore(async core => {
    const delays = await fallingDue(core, seconds, rate)
    report.note(`${delays.length} people fell due in ${seconds} s`)
    report.figure({ name: 'due_p50_ms', value: median(delays), better: 'lower', unit: 'ms' })
    report.figure({ name: 'due_p99_ms', value: quantile(delays, 0.99), must: 1_000, aim: 300, better: 'lower', unit: 'ms' })
  })
}
export default bench

const silence = 3 * 86_400_000
/** The first fall due when everybody has been worked out. */
const leadMs = 15_000

async function fallingDue(core: Core, seconds: number, rate: number): Promise<number[]> {
  const { postgres, clickhouse } = core.stores
  const people = seconds * rate
  const contactedAt = Date.now() - silence + leadMs
  await postgres.query('insert into leaves (leaf, root, position) select leaf, leaf, 0 from generate_series(1, $1::bigint) leaf', [people])
  await postgres.query('update identity_head set next_leaf = $1', [people + 1])
  await clickhouse.command(
    `insert into events (leaf, ts, received_at, position, range, event, message_id, source, channel, historical, props)
     select 1 + number, fromUnixTimestamp64Milli({from:Int64} + toInt64(number * 1000 / {rate:UInt32}), 'UTC') as moment, moment, number, 0, 'Advisor Contacted',
       toString(number), 'bench', 'wecom', false, '{}' from numbers({people:UInt64})`,
    { from: contactedAt, rate, people },
  )
  await postgres.transaction(tx =>
    saveDefinition(
      tx,
      {
        kind: 'audience',
        key: 'not_contacted',
        document: { zh: '3天未联系', rule: { event: 'Advisor Contacted', sinceLast: { gt: '3d' } }, refresh: 'realtime' },
      },
      { by: 'bench', at: Date.now(), nextRunAt: undefined },
    ),
  )
  await core.definitions.reload()
  const leaves = Array.from({ length: people }, (_, index) => [index + 1, contactedAt, 0])
  await postgres.query('insert into evaluation_ranges (range, changes) values (0, $1)', [
    JSON.stringify({ names: ['e:Advisor Contacted'], leaves }),
  ])
  core.evaluator.start()
  await core.evaluator.flush()
  const late = contactedAt + silence - Date.now()
  if (late < 0) throw new Error(`working everybody out took ${-late} ms too long: nothing can be measured`)
  return seenEntering(core, people)
}

/** Of everybody who enters, how long after the moment that can be read; ms. */
async function seenEntering({ stores: { postgres } }: Core, people: number): Promise<number[]> {
  const delays: number[] = []
  for (let last = 0; delays.length < people; await sleep(10)) {
    const rows = await postgres.query<{ last: number; at: number }>(
      `select last, (extract(epoch from at) * 1000)::float8 as at from transitions where last > $1 order by last`,
      [last],
    )
    const now = Date.now()
    for (const row of rows) delays.push(now - row.at)
    last = rows.at(-1)?.last ?? last
  }
  return delays
}
