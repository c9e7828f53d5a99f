/** Chance that repeats: mulberry32. */
export function chance(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** What SDKs send, and corners of it. */
const bodies = [
  {
    batch: [
      {
        type: 'track',
        event: 'Order Completed',
        userId: 'u1',
        anonymousId: 'a1',
        messageId: 'm1',
        timestamp: '2026-10-01T08:00:00.000Z',
        properties: { total: 12.5, products: [{ sku: 'A', price: 3 }], tags: ['x', 1, null, { a: [] }] },
        context: { ip: '192.0.2.1', page: { url: 'https://example.com/?a=b' }, library: { name: 'analytics.js' } },
      },
    ],
    sentAt: '2026-10-01T08:00:01.000Z',
    writeKey: 'zw_x',
  },
  {
    batch: [
      {
        type: 'identify',
        userId: 'u1',
        traits: { phone: '19900000003', email: 'a@example.com', address: { city: '杭州' }, age: 33, vip: true, gone: null },
        context: {
          consent: { categoryPreferences: { marketing: true } },
          device: { id: 'd1' },
          externalIds: [{ id: 'x', type: 'openid:wx', collection: 'users' }],
        },
      },
      { type: 'alias', userId: 'u1', previousId: 'a1' },
      { type: 'group', groupId: 'g', userId: 'u1', traits: { plan: 'gold' } },
    ],
    context: { locale: 'zh-CN' },
  },
  {
    batch: [
      {
        type: 'page',
        anonymousId: 'a1',
        name: 'Home',
        category: 'Shop',
        properties: { path: '/', search: '?utm_source=x' },
        originalTimestamp: '2026-10-01T08:00:00Z',
        sentAt: '2026-10-01T08:00:01Z',
      },
      { type: 'screen', userId: 7, event: 'Cart' },
    ],
  },
].map(body => JSON.stringify(body))

/** Texts that JSON, PostgreSQL or ClickHouse stumble over. */
const nasty = [
  '1e999',
  '-1e999',
  '1e308',
  '5e-324',
  '1e20',
  '18446744073709551616',
  '-9223372036854775809',
  '9007199254740993',
  '-0',
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u0000"',
  '"😀"',
  '"2026-10-01"',
  '"0001-01-01T00:00:00.000Z"',
  '"2299-12-31T23:59:59.999Z"',
  '"1900-01-01T00:00:00.000Z"',
  '"1969-12-31T23:59:59.999Z"',
  '"1970-01-01"',
  '1600000000',
  '"9999-12-31"',
  '[1,"a"]',
  '[[1],{"a":1}]',
  '[true,1]',
  '[null]',
  '{"a":{"b":1},"a.b":2}',
  '{".":{"":1}}',
  '{"a%2Eb":1,"a.b":2}',
  '{"__proto__":{"x":1}}',
  '{"constructor":1}',
  '{"a":1,"a":2}',
  '{"\\ud800":1}',
  '{"\\u0000":1}',
  '{"a`b":1,"c\\"d":2,"e\\\\f":3}',
  `"${'长'.repeat(300)}"`,
  `{"${'k'.repeat(300)}":1}`,
  `${'['.repeat(30)}1${']'.repeat(30)}`,
  `${'{"a":'.repeat(16)}1${'}'.repeat(16)}`,
  `${'['.repeat(5000)}${']'.repeat(5000)}`,
  '{"a":[{"b.c":1,"b":{"c":2}}]}',
  '"$identify"',
  '"\\n\\t\\u2028"',
]

const bytes = Buffer.from('{}[]",:\\u0123456789eE+-.truefalsn \n\ud83d\ude00')

/** A body that was sound once: some values replaced, or some bytes. */
export function mutated(random: (below: number) => number): Buffer {
  const body = bodies[random(bodies.length)] ?? ''
  if (random(3) === 0) return bytesChanged(Buffer.from(body), random)
  let text = body
  for (let times = 1 + random(3); times > 0; times--) text = valueReplaced(text, random)
  return random(10) === 0 ? bytesChanged(Buffer.from(text), random) : Buffer.from(text)
}

/** Some value or key becomes a nasty one; the text around it stays as it is. */
function valueReplaced(text: string, random: (below: number) => number): string {
  const places = [...text.matchAll(/(?<=[:,[])(?:"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|\{\}|\[\])|"(?:[^"\\]|\\.)*"(?=:)/g)]
  const place = places[random(places.length)]
  if (!place) return text
  const isKey = text[place.index + place[0].length] === ':'
  const other = isKey
    ? JSON.stringify(['a.b', '', '__proto__', 'traits', '%2E', 'k'.repeat(256), '\0', 'type'][random(8)])
    : nasty[random(nasty.length)]
  return text.slice(0, place.index) + other + text.slice(place.index + place[0].length)
}

function bytesChanged(body: Buffer, random: (below: number) => number): Buffer {
  const at = random(body.length)
  const length = random(4) === 0 ? random(body.length - at) : random(3)
  const inserted = Buffer.from(
    Array.from({ length: random(4) }, () => (random(3) === 0 ? random(256) : (bytes[random(bytes.length)] ?? 0))),
  )
  return Buffer.concat([body.subarray(0, at), inserted, body.subarray(at + length)])
}
