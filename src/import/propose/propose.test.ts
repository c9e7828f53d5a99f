import { expect, test } from 'vitest'
import { rowsOf, shapeOf } from '../inspect.ts'
import { readMapping } from '../mapping/mapping.ts'
import { rowMapper } from '../mapping/row-mapper.ts'
import { columnsFor } from '../reading.ts'
import { observe } from './observed.ts'
import { proposeMapping } from './propose.ts'

function proposalFor(name: string, text: string) {
  const sample = { bytes: Buffer.from(text), isWhole: true, gzip: false }
  const shape = shapeOf(sample, undefined, name)
  const proposal = proposeMapping(observe(rowsOf(sample, shape), shape.header), name, 'Asia/Shanghai')
  return { ...proposal, shape, sample }
}

/** The proposal is taken as it is, and every row becomes an event. */
function works(name: string, text: string) {
  const { mapping: document, notes, shape, sample } = proposalFor(name, text)
  const mapping = readMapping(document)
  const known = columnsFor(shape, mapping)
  const block = rowsOf(sample, known)
  const map = rowMapper(mapping, known.header, { source: 'x', zone: 'UTC', receivedAt: 0, messagePrefix: '' })
  for (let row = 0; row < block.count; row++) expect(map(block, row)).toHaveProperty('identifiers')
  return { document, notes }
}

// Complete Journey (84.51°, CC0), first rows.
const transactions = `"household_id","store_id","basket_id","product_id","quantity","sales_value","retail_disc","coupon_disc","coupon_match_disc","week","transaction_timestamp"
"2261","309","31625220889","940996",1,3.86,0.43,0,0,5,"2017-01-28 19:06:53"
"2131","368","32053127496","873902",1,1.59,0.9,0,0,10,"2017-03-01 03:31:57"
"2131","368","32053127496","873903",1,2.59,0.9,0,0,10,"2017-03-01 03:31:57"
`

test('lines of baskets', () => {
  const { document, notes } = works('transactions_sample.csv.gz', transactions)
  expect(document).toEqual({
    source: 'transactions-sample',
    kind: 'events',
    event: 'Order Completed',
    identifiers: { household_id: 'member_id' },
    time: { column: 'transaction_timestamp', zone: 'Asia/Shanghai' },
    amount: { column: 'sales_value', unit: '元', currency: 'CNY' },
    props: {
      store_id: 'store_id',
      basket_id: 'basket_id',
      product_id: 'product_id',
      quantity: { key: 'quantity', type: 'number' },
      retail_disc: { key: 'retail_disc', type: 'number' },
      coupon_disc: { key: 'coupon_disc', type: 'number' },
      coupon_match_disc: { key: 'coupon_match_disc', type: 'number' },
      week: { key: 'week', type: 'number' },
    },
  })
  expect(notes).toEqual([
    'Times without an offset are taken for Asia/Shanghai.',
    '"basket_id" comes on more than one row: each row becomes an event of its own, and identical rows count as often as they stand there.',
  ])
})

test('what households are like', () => {
  const text =
    '"household_id","age","income","home_ownership","household_size","kids_count"\n"1","65+","35-49K","Homeowner","2","0"\n"1001","45-54","50-74K","Homeowner","1","0"\n'
  expect(works('demographics.csv', text).document).toEqual({
    source: 'demographics',
    kind: 'profiles',
    identifiers: { household_id: 'member_id' },
    traits: {
      age: 'age',
      income: 'income',
      home_ownership: 'home_ownership',
      household_size: { key: 'household_size', type: 'number' },
      kids_count: { key: 'kids_count', type: 'number' },
    },
  })
})

test('redemptions of coupons', () => {
  const text =
    '"household_id","coupon_upc","campaign_id","redemption_date"\n"1029","51380041013","26",2017-01-01\n"1029","51380041313","26",2017-01-01\n'
  expect(works('coupon_redemptions.csv', text).document).toMatchObject({
    event: 'Coupon redemptions',
    time: { column: 'redemption_date' },
    props: { coupon_upc: 'coupon_upc', campaign_id: 'campaign_id' },
  })
})

test('clicks of a shop', () => {
  const text =
    'event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n' +
    '2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00-8c23-a032dfed738c\n' +
    '2019-10-01 00:00:01 UTC,purchase,3900821,2053013552326770905,appliances.environment.water_heater,aqua,33.20,554748717,9333dfbd-b87a-4708-9857-6336556b0fcc\n'
  expect(works('2019-10-01_prefix.csv', text).document).toEqual({
    source: '2019-10-01-prefix',
    kind: 'events',
    event: { column: 'event_type', names: { view: 'Product Viewed', purchase: 'Order Completed' } },
    identifiers: { user_id: 'user_id' },
    time: { column: 'event_time' },
    props: {
      product_id: 'product_id',
      category_id: 'category_id',
      category_code: 'category_code',
      brand: 'brand',
      price: { key: 'price', type: 'number' },
      user_session: 'user_session',
    },
  })
})

test('members of a Chinese CRM, separated by semicolons, with a byte order mark', () => {
  const text =
    '\ufeff会员卡号;姓名;手机号码;微信OpenID;UnionID;性别;生日;注册时间;积分;是否接受短信\nV001;测试甲;19900000001;oTest1;uTest1;女;1990-05-06;2020-01-02;120;是\nV002;测试乙;19900000002;oTest2;uTest2;男;;2021-03-04;0;否\n'
  const { document, notes } = works('会员.csv', text)
  expect(document).toEqual({
    source: 'import',
    kind: 'profiles',
    identifiers: { 会员卡号: 'member_id', 手机号码: 'phone', 微信OpenID: 'openid:APPID', UnionID: 'unionid' },
    traits: {
      姓名: 'name',
      性别: 'gender',
      生日: { key: 'birthday', type: 'date' },
      注册时间: { key: 'registered_at', type: 'date' },
      积分: { key: 'points', type: 'number' },
    },
    consents: [{ column: '是否接受短信', purpose: 'marketing', given: ['是'] }],
  })
  expect(notes[0]).toMatch(/APPID/)
})

test('nobody can tell 03/04 from 04/03', () => {
  expect(proposalFor('x.csv', 'order_id,phone,order_date\n1,19900000001,03/04/2024\n').notes.join(' ')).toContain(
    '"format" such as DD/MM/YYYY',
  )
})

test('a file without any identifier is proposed with a note', () => {
  expect(proposalFor('x.csv', 'a,b\n1,2\n').notes[0]).toMatch(/^No column was recognised as an identifier/)
})

test('NDJSON by its paths', () => {
  expect(
    proposalFor('x.ndjson', '{"user":{"phone":"19900000001"},"orderId":"A1","paidAt":1709255130,"amountFen":1200}\n').mapping,
  ).toMatchObject({
    identifiers: { 'user.phone': 'phone' },
    time: { column: 'paidAt' },
    amount: { column: 'amountFen', unit: '分' },
    messageId: ['orderId'],
  })
})
