import { Choices } from '../src/catalogue/choices.ts'
import type { Core } from '../src/core.ts'
import { noMarks } from '../src/dictionary/marks.ts'
import type { ShownPath } from '../src/dictionary/shown.ts'
import { countOf } from '../src/rules/operations.ts'
import { parseRule } from '../src/rules/parse.ts'
import { interleave, median } from './interleave.ts'
import { withCore } from './parts/core.ts'
import type { Bench, Report } from './report.ts'

/**
 * What the catalogue costs at 20 million events of a million people and 100,000 products: a rule with an item filter ÷ the same rule asking
 * the properties that name a product for one id, and how soon a builder of rules sees values. `--events 4e6` makes it small, `--rounds 5` exact.
 */
const bench: Bench = async report => {
  const events = Number(report.options.events ?? 20e6)
  await withCore(async core => {
    await fill(core, events, report)
    await measureItems(core, report)
    await measureChoices(core, events, report)
  })
}

export default bench

const products = 100_000
const atOnce = 1_000_000

async function fill({ stores: { clickhouse, postgres } }: Core, events: number, report: Report): Promise<void> {
  const started = performance.now()
  const people = Math.max(1, Math.round(events / 20))
  await postgres.query('insert into leaves (leaf, root, position) select n, n, 1 from generate_series(1, $1::bigint) n', [people])
  await clickhouse.command(
    `insert into entities select 'product', concat('P', toString(number)),
       concat('{"category":"c', toString(number % 50), '","price":', toString(number), ',"brand":"b', toString(number % 900), '"}')::JSON, false, 1
     from numbers(${products})`,
  )
  for (let at = 0; at < events; at += atOnce) {
    await clickhouse.command(
      `insert into events (leaf, ts, received_at, position, range, event, source, channel, props)
       select 1 + intDiv(number, 20), now64(3) - toIntervalSecond(cityHash64(number) % 8640000), now64(3), number, 1,
         ['Product Viewed', 'Product Viewed', 'Page Viewed', 'Order Completed'][1 + number % 4], 'shop', 'web',
         concat('{"product_id":"P', toString(cityHash64(number, 1) % ${products}), '","price":', toString(number % 97), ',"colour":"', toString(number % 7),
           '","order_id":"o', toString(number), '"', if(number % 4 = 3, concat(',"products":[{"product_id":"P', toString(cityHash64(number, 2) % ${products}), '"}]'), ''), '}')::JSON
       from numbers({at:UInt64}, {many:UInt64})`,
      { at, many: Math.min(atOnce, events - at) },
    )
  }
  report.note(`filled ${events} events in ${((performance.now() - started) / 1000).toFixed(0)} s`)
}

async function measureItems(core: Core, report: Report): Promise<void> {
  const { namedBy } = core.catalogue.kind('product')
  const rounds = Number(report.options.rounds ?? 2)
  const timed = (filter: object, event: string) => async () => {
    const rule = parseRule({ event, where: [filter], within: '30d' })
    const started = performance.now()
    await countOf(core.stores.clickhouse, rule, core.contextAt(Date.now()))
    return performance.now() - started
  }
  for (const [name, event] of [
    ['item', 'Product Viewed'],
    ['itemInLists', 'Order Completed'],
  ] as const) {
    const { a, b, ratio } = await interleave(
      rounds,
      timed({ item: 'product.category', eq: 'c7' }, event),
      timed({ any: namedBy.map(prop => ({ prop, eq: 'P7' })) }, event),
    )
    report.note(`${event}: item filter ${a.toFixed(0)} ms, filter on its properties ${b.toFixed(0)} ms`)
    report.figure({ name, value: ratio, must: 2, aim: 1, better: 'lower', unit: '×' })
  }
}

async function measureChoices({ stores: { postgres, clickhouse } }: Core, events: number, report: Report): Promise<void> {
  const paths = ['product_id', 'price', 'colour', 'order_id', 'products[].product_id'].map(path => ({ path, values: {} }) as ShownPath)
  const times: number[] = []
  for (let round = 0; round < 5; round++) {
    const choices = new Choices(postgres, clickhouse, Date.now)
    const started = performance.now()
    const found = await choices.ofProperties('Product Viewed', events / 2, paths, noMarks)
    times.push(performance.now() - started)
    if (found.get('colour')?.length !== 7) throw new Error('the values of a property were not found')
  }
  report.figure({ name: 'choices', value: median(times), must: 700, aim: 300, better: 'lower', unit: 'ms' })
}
