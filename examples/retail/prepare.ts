import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

/**
 * Makes the carried files from the originals that SOURCES.md names:
 * `node examples/retail/prepare.ts COMPLETE_JOURNEY_FOLDER REES46_FILE`
 * Shapes only: rows of one basket become one order, descriptions are joined to what refers to them; no value is changed.
 */
const [journey = '', clicks = ''] = process.argv.slice(2)
if (!existsSync(journey) || !existsSync(clicks)) {
  console.error('node examples/retail/prepare.ts COMPLETE_JOURNEY_FOLDER REES46_FILE (SOURCES.md says where they come from)')
  process.exit(2)
}

type Row = Record<string, string>

const out = join(import.meta.dirname, 'files')
mkdirSync(out, { recursive: true })

const products = new Map(table('products').map(row => [row.product_id, row]))
const campaigns = new Map(table('campaign_descriptions').map(row => [row.campaign_id, row]))
const shopRows = parse(readFileSync(clicks, 'utf8'))

writeCsv('households.csv.gz', table('demographics'))
writeLines('orders.ndjson.gz', orders(table('transactions_sample')))
writeCsv(
  'campaigns.csv.gz',
  table('campaigns').map(({ campaign_id, household_id }) => ({ household_id, ...described(campaign_id) })),
)
writeCsv(
  'redemptions.csv.gz',
  table('coupon_redemptions').map(row => ({ ...row, campaign_type: campaigns.get(row.campaign_id)?.campaign_type })),
)
writeCsv(
  'shop-clicks.csv.gz',
  shopRows.filter(row => row.event_type !== 'purchase'),
)
writeLines('shop-orders.ndjson.gz', shopRows.filter(row => row.event_type === 'purchase').map(shopOrder))

/** One order per basket, in the order of time; amounts in dollars, summed in cents. */
function orders(rows: Row[]): object[] {
  const baskets = Map.groupBy(rows, row => row.basket_id)
  return [...baskets.values()]
    .map(order)
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : Number(a.order_id) - Number(b.order_id)))
}

function order(lines: Row[]) {
  const { household_id, store_id, basket_id, transaction_timestamp = '' } = lines[0] ?? {}
  return {
    household_id,
    order_id: basket_id,
    store_id,
    time: transaction_timestamp,
    total: sum(lines, 'sales_value'),
    discount: sum(lines, 'retail_disc'),
    coupon_discount: sum(lines, 'coupon_disc', 'coupon_match_disc'),
    products: lines.map(orderLine),
  }
}

function orderLine(line: Row) {
  const product = products.get(line.product_id)
  return filled({
    product_id: line.product_id,
    department: product?.department,
    category: product?.product_category,
    brand: product?.brand,
    quantity: Number(line.quantity),
    total: Number(line.sales_value),
    ...(couponOf(line) > 0 && { coupon_discount: couponOf(line) }),
  })
}

function couponOf(line: Row): number {
  return sum([line], 'coupon_disc', 'coupon_match_disc')
}

function described(campaignId: string | undefined): Row {
  const campaign = campaigns.get(campaignId)
  if (!campaign) throw new Error('a campaign without description')
  return campaign
}

/** A purchase of this shop is one product; session and second tell one from the next. */
function shopOrder(row: Row): object {
  const { user_id, user_session, event_time, product_id, category_code, brand, price } = row
  const product = filled({ product_id, category: category_code, brand, quantity: 1, total: Number(price) })
  return {
    user_id,
    session_id: user_session,
    order_id: `${user_session}/${event_time?.slice(11, 19)}`,
    time: event_time,
    total: Number(price),
    products: [product],
  }
}

function sum(rows: Row[], ...columns: string[]): number {
  const cents = rows.flatMap(row => columns.map(column => Math.round(Number(row[column]) * 100)))
  return cents.reduce((total, next) => total + next, 0) / 100
}

/** Without what the source leaves empty. */
function filled<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== '')) as Partial<T>
}

function table(name: string): Row[] {
  const packed = join(journey, `${name}.csv.gz`)
  return parse(existsSync(packed) ? gunzipSync(readFileSync(packed)).toString('utf8') : readFileSync(join(journey, `${name}.csv`), 'utf8'))
}

/** CSV as these sources write it: quotes around some values, no line break inside one. */
function parse(text: string): Row[] {
  const [header = [], ...rows] = text.trimEnd().split(/\r?\n/).map(values)
  return rows.map(row => Object.fromEntries(header.map((column, index) => [column, row[index] ?? ''])))
}

function values(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '')
}

function writeCsv(name: string, rows: Partial<Row>[]): void {
  const columns = Object.keys(rows[0] ?? {})
  const cell = (value = '') => (/[",]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)
  write(name, [columns.join(','), ...rows.map(row => columns.map(column => cell(row[column])).join(','))])
}

function writeLines(name: string, rows: object[]): void {
  write(
    name,
    rows.map(row => JSON.stringify(row)),
  )
}

function write(name: string, lines: string[]): void {
  const packed = gzipSync(`${lines.join('\n')}\n`, { level: 9 })
  writeFileSync(join(out, name), packed)
  console.log(`${name}: ${lines.length} lines, ${packed.length} bytes`)
}
