import { encodeRecord } from '../../src/collect/record.ts'

/**
 * What a shop sends: twenty events per person, of which the first brings an anonymous id, the eighth a user id and the fourteenth a phone, so
 * one event in ten brings a new identifier. Five hundred people act at a time. Phones are synthetic (199 0000 xxxx and on).
 */
export function* shopEvents(people: number, firstPerson = 0): Generator<object> {
  for (let block = 0; block < people; block += 500)
    for (let nth = 0; nth < 20; nth++)
      for (let person = block; person < Math.min(people, block + 500); person++) yield shopEvent(firstPerson + person, nth)
}

/** Bodies of `/v1/batch` with 100 events each, as they stand in the log. */
export function* shopRecords(people: number, firstPerson = 0, receivedAt = Date.now()): Generator<{ payload: Buffer; count: number }> {
  const sentAt = new Date(receivedAt).toISOString()
  const envelope = { format: 'segment', form: 'batch', source: 'shop', channel: 'web', receivedAt, ip: '192.0.2.1', rejected: [] } as const
  let batch: object[] = []
  const record = () => ({ payload: encodeRecord(envelope, Buffer.from(JSON.stringify({ batch, sentAt }))), count: batch.length })
  for (const event of shopEvents(people, firstPerson)) {
    batch.push(event)
    if (batch.length < 100) continue
    yield record()
    batch = []
  }
  if (batch.length > 0) yield record()
}

const names = ['Product Viewed', 'Product Added', 'Order Completed'] as const
const categories = ['hydration', 'photo', 'acne'] as const

export function shopEvent(person: number, nth: number): object {
  const n = person * 20 + nth
  const common = {
    messageId: `node-next-1760000000000-${n.toString(16).padStart(12, '0')}-4f2a-9c1e`,
    anonymousId: `anon-${person}`,
    timestamp: new Date(Date.now() - 60_000 + nth).toISOString(),
    context: {
      library: { name: 'analytics.js', version: '1.84.3' },
      page: { path: `/p/${n % 500}`, url: `https://shop.example.com/p/${n % 500}`, title: `护理项目 ${n % 500}`, referrer: '', search: '' },
      userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15',
      locale: 'zh-CN',
      timezone: 'Asia/Shanghai',
    },
  }
  if (nth === 7) return { type: 'identify', ...common, userId: `u-${person}`, traits: { city: '上海', level: 'gold' } }
  if (nth === 13) return { type: 'identify', ...common, userId: `u-${person}`, traits: { phone: `199${String(person).padStart(8, '0')}` } }
  const properties = {
    product_id: `P${n % 500}`,
    name: `无针补水护理 ${n % 500}`,
    category: categories[n % 3],
    price: (n % 1000) + 0.5,
    duration_s: n % 60,
    entry: 'home',
  }
  return { type: 'track', ...common, ...(nth > 7 ? { userId: `u-${person}` } : {}), event: names[n % 3], properties }
}
