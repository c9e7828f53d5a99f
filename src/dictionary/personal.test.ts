import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CanonicalEvent, Json, JsonObject } from '../collect/event.ts'
import { keysFrom } from '../privacy/keys.ts'
import { marksOf, noMarks } from './marks.ts'
import { hiddenTrait, isPersonalTrait, redact, showsPersonal } from './personal.ts'

const { blindIndex } = keysFrom('a secret for tests')
const hash = expect.stringMatching(/^h:[0-9a-f]{16}$/)

function event(props: JsonObject, context: JsonObject = {}): CanonicalEvent {
  return {
    messageId: 'm-1',
    event: 'Product Viewed',
    ts: 1_760_000_000_000,
    receivedAt: 1_760_000_000_000,
    source: 'shop',
    channel: 'web',
    historical: false,
    props,
    context,
    identifiers: [{ namespace: 'user_id', value: 'u1' }],
    traits: [],
    consents: [],
  }
}

const cleanProps = (props: JsonObject, marks = noMarks) => redact(event(props), blindIndex, marks).props
const cleanContext = (context: JsonObject) => redact(event({}, context), blindIndex, noMarks).context
const cleanText = (text: string) => cleanProps({ words: text }).words as string

const phoneHash = cleanProps({ phone: '19900001234' }).phone as string
const mailHash = cleanProps({ email: 'li.lei@example.com' }).email as string
/** A valid check character, a region and a day that no person has. */
const idCard = '110101190001010006'

describe('keys', () => {
  test.each([
    'phone',
    'Phone',
    'user_phone',
    'customerPhoneNumber',
    'contact-tel',
    'MOBILE',
    'mobileNo',
    'phone2',
    'userphone',
    '$phone',
    '手机号',
    '联系电话',
    '电话号码',
    '手机号码',
    '备用手机号2',
  ])('%s holds a phone', key => expect(cleanProps({ [key]: '0571 8800 1234' })[key]).toEqual(hash))

  test.each([
    'firstName',
    'last_name',
    'realName',
    'customer_name',
    'receiver-name',
    'nickname',
    'username',
    '姓名',
    '收货人',
    '微信昵称',
    '联系人姓名',
  ])('%s holds a name', key => expect(cleanProps({ [key]: 'Li Lei' })[key]).toEqual(hash))

  test.each([
    'id_card',
    'idCardNo',
    'passport_number',
    '身份证号码',
    'birthday',
    'dateOfBirth',
    '出生日期',
    'shipping_address',
    'address1',
    '详细地址',
    'bank_card_no',
    '银行卡号',
    'wechat_id',
    '微信号',
    'avatar',
    '车牌号',
  ])('%s is personal', key => expect(cleanProps({ [key]: 'anything' })[key]).toEqual(hash))

  test.each([
    'product_name',
    'productId',
    'sku',
    'name',
    'phone_model',
    'phoneBrand',
    'headphone',
    'ip_address',
    'email_subject',
    'city',
    'coupon_code',
    'mobile_os',
    'is_mobile',
    'hotel',
    'title',
    'payment_method',
    '手机型号',
    'microphone',
    'nameplate',
  ])('%s is not personal', key => expect(cleanProps({ [key]: 'anything 12345' })[key]).toBe('anything 12345'))

  test('a bare name is personal inside a person, not inside a product', () => {
    const props = {
      products: [{ name: '保湿面膜', sku: 'A1' }],
      customer: { name: '韩梅梅', level: 'gold' },
      passengers: [{ name: 'Li Lei' }],
    }
    expect(cleanProps(props)).toEqual({
      products: [{ name: '保湿面膜', sku: 'A1' }],
      customer: { name: hash, level: 'gold' },
      passengers: [{ name: hash }],
    })
    expect(
      cleanContext({ library: { name: 'analytics.js' }, campaign: { name: 'spring' }, traits: { name: 'Li Lei', plan: 'pro' } }),
    ).toEqual({
      library: { name: 'analytics.js' },
      campaign: { name: 'spring' },
      traits: { name: hash, plan: 'pro' },
    })
  })

  test('an address keeps its city and province', () => {
    expect(cleanProps({ address: { city: '杭州', province: '浙江', street: '文三路 1 号', postalCode: '310000' } }).address).toEqual({
      city: '杭州',
      province: '浙江',
      street: hash,
      postalCode: hash,
    })
  })

  test('what a personal key holds is hidden whatever its shape; booleans and products stay', () => {
    expect(cleanProps({ phones: ['19900001234', { main: 19900001234 }], email: true, phone: 'iPhone 15', mobile: null })).toEqual({
      phones: [phoneHash, { main: phoneHash }],
      email: true,
      phone: 'iPhone 15',
      mobile: null,
    })
  })

  test('passwords and tokens are dropped', () => {
    expect(cleanProps({ password: 'hunter2', accessToken: 'x', nested: { pwd: 'y', kept: 1 } })).toEqual({ nested: { kept: 1 } })
  })

  test('an IP address becomes its network', () => {
    expect(cleanContext({ ip: '203.0.113.77' }).ip).toBe('203.0.113.0')
    expect(cleanContext({ ip: '2001:db8:1:2::7' }).ip).toBe('2001:db8:1::')
    expect(cleanContext({ ip: 'unknown' })).toEqual({})
  })
})

describe('values', () => {
  test.each([
    '199 0000 1234',
    '199-0000-1234',
    '199.0000.1234',
    '+86 19900001234',
    '+8619900001234',
    '8619900001234',
    '0086-199-0000-1234',
    '１９９００００１２３４',
    '1990000 1234',
    '199 000 01234',
    '(+86)199 0000 1234',
    '199 00 00 12 34',
    '19900 001234',
    '+86（199）00001234',
  ])('%s is one phone, wherever it stands', written => {
    expect(cleanText(`电话${written}，谢谢`)).toMatch(/^电话.{0,2}h:[0-9a-f]{16}，谢谢$/)
    expect(cleanText(written)).toContain(phoneHash)
  })

  test('an e-mail address is hidden, in any case, escaped or wide', () => {
    for (const written of ['li.lei@example.com', 'Li.Lei@Example.COM', 'li.lei%40example.com', 'li.lei＠example．com'])
      expect(cleanText(`write to ${written}!`)).toBe(`write to ${mailHash}!`)
  })

  test('an identity number needs its check character, a region and a date', () => {
    expect(cleanText(`no ${idCard}.`)).toMatch(/^no h:[0-9a-f]{16}\.$/)
    expect(cleanText('no 110101190001010009.')).toBe('no 110101190001010009.')
    expect(cleanText('202510011234567890')).toBe('202510011234567890')
  })

  test('a bank card is UnionPay with its check digit, or written in groups', () => {
    expect(cleanText('card 6200000000000005')).toMatch(/^card h:/)
    expect(cleanText('4111 1111 1111 1111')).toMatch(/^h:/)
    expect(cleanText('1234567890123456')).toBe('1234567890123456')
  })

  test.each([
    '1760000000000',
    '1760000000',
    '2026-11-24T10:21:00.000Z',
    '2026-11-24 10:21:00',
    '10.15.7',
    '192.168.10.200',
    '0.13812345678',
    '20251124138123456789',
    '6903148010013',
    '3f2b8c1d-4a3c-4d2e-9f00-13812345678a',
    '9e107d9d372bb13812345678e3e4b2a1',
    'icon@2x.png',
    'react@18.2.0',
    '@someone',
    '7 × 24',
    'UTC+08:00',
    '021-12345',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15',
  ])('%s is no personal data', text => expect(cleanText(text)).toBe(text))

  test('ids of things keep numbers that look like phones; ids of people do not', () => {
    expect(cleanProps({ product_id: '13812345678', order_no: 13812345678, duration_ns: 15_000_000_000, sku: '6200000000000005' })).toEqual({
      product_id: '13812345678',
      order_no: 13812345678,
      duration_ns: 15_000_000_000,
      sku: '6200000000000005',
    })
    expect(cleanProps({ user_id: '19900001234', product_id: 'for li.lei@example.com' })).toEqual({
      user_id: phoneHash,
      product_id: `for ${mailHash}`,
    })
  })

  test('numbers that are phones or identity numbers are hidden', () => {
    expect(cleanProps({ a: 19900001234, b: Number(idCard), c: 1_760_000_000_000 })).toEqual({ a: phoneHash, b: hash, c: 1_760_000_000_000 })
  })

  test('JSON inside text is looked into', () => {
    expect(cleanText('{"user":{"name":"Li Lei","phone":"19900001234"},"n":1}')).toMatch(
      /^\{"user":\{"name":"h:[0-9a-f]{16}","phone":"h:[0-9a-f]{16}"\},"n":1\}$/,
    )
  })
})

describe('addresses', () => {
  test('parameters by name and by value, path segments, nested addresses and users are hidden, the rest is as sent', () => {
    expect(cleanText('https://shop.example/p/1?utm_source=a&phone=199%200000%201234&color=%E7%99%BD&x')).toBe(
      `https://shop.example/p/1?utm_source=a&phone=${phoneHash}&color=%E7%99%BD&x`,
    )
    expect(cleanText('/search?q=li.lei%40example.com#tel=19900001234')).toBe(`/search?q=${mailHash}#tel=${phoneHash}`)
    expect(cleanText('https://a.example/u/%31%39900001234/orders')).toBe(`https://a.example/u/${phoneHash}/orders`)
    expect(cleanText('https://li:secret@a.example/')).toBe('https://a.example/')
    expect(cleanText('/go?to=https%3A%2F%2Fb.example%2F%3Fname%3DLi%2520Lei')).not.toMatch(/Li|Lei/)
    expect(cleanText('/login?access_token=abc&name=%E6%9D%8E%E9%9B%B7')).toMatch(/^\/login\?access_token=&name=h:[0-9a-f]{16}$/)
  })

  test('escapes that do not decode hide nothing', () => {
    expect(cleanText('/x?a=%E4%zz&b=19900001234')).toBe(`/x?a=%E4%zz&b=${phoneHash}`)
  })
})

describe('marks', () => {
  const marks = marksOf(
    [
      { path: 'note', mark: { personal: true } },
      { event: 'Product Viewed', path: 'products[].engraving', mark: { personal: true } },
      { event: 'Product Viewed', path: 'phone', mark: { personal: false } },
      { event: 'Other', path: 'note', mark: { personal: false } },
    ],
    new Map([
      ['nick', { personal: true }],
      ['phone', { personal: false }],
    ]),
  )

  test('a workspace marks a property personal, or says that one is not', () => {
    expect(cleanProps({ note: ['for my love', 7], products: [{ engraving: 'Han', sku: 'A' }], phone: '19900001234' }, marks)).toEqual({
      note: [hash, hash],
      products: [{ engraving: hash, sku: 'A' }],
      phone: '19900001234',
    })
  })

  test('a trait is personal by its key or by its mark', () => {
    expect(['phone', 'name', 'birthday', 'email', 'address', '手机号'].map(key => isPersonalTrait(key, noMarks))).toEqual([
      true,
      true,
      true,
      true,
      true,
      true,
    ])
    expect(['plan', 'skin_type', 'gender', 'city', 'age'].map(key => isPersonalTrait(key, noMarks))).toEqual([
      false,
      false,
      false,
      false,
      false,
    ])
    expect([isPersonalTrait('nick', marks), isPersonalTrait('phone', marks)]).toEqual([true, false])
  })
})

test('personal traits keep their value for those who seal them, text in other traits is cleaned', () => {
  const traits = [
    { key: 'phone', op: 'set', value: '19900001234' },
    { key: 'bio', op: 'set', value: 'call 19900001234' },
    { key: 'password', op: 'set', value: 'x' },
    { key: 'plan', op: 'unset' },
  ] as const
  const cleaned = redact({ ...event({}), traits: [...traits] }, blindIndex, noMarks)
  expect(cleaned.traits).toEqual([traits[0], { key: 'bio', op: 'set', value: `call ${phoneHash}` }, traits[3]])
})

test('the hidden form of a trait is that of the same value in a property', () => {
  expect(hiddenTrait('mobile', '+86 199-0000-1234', blindIndex)).toBe(phoneHash)
  expect(hiddenTrait('email', ' Li.Lei@example.com', blindIndex)).toBe(mailHash)
})

test('an event without personal data comes back as the same object, and redacting twice changes nothing more', () => {
  const clean = event({ product_id: 'p1', price: 12.5, products: [{ sku: 'a' }] }, { page: { url: 'https://a.example/p?x=1' } })
  expect(redact(clean, blindIndex, noMarks)).toBe(clean)
  const once = redact(event({ phone: '19900001234', text: 'li.lei@example.com', url: '/?tel=19900001234' }), blindIndex, noMarks)
  expect(redact(once, blindIndex, noMarks)).toEqual(once)
})

test('what may be repeated as an example is told from what may not', () => {
  expect([
    showsPersonal('color', 'white'),
    showsPersonal('color', '19900001234'),
    showsPersonal('phone', 'x'),
    showsPersonal('color', phoneHash),
  ]).toEqual([false, true, true, true])
})

const digitFree = fc.string({ maxLength: 12 }).map(text => text.replace(/[\d@%０-９a-zA-Z+]/g, ''))
const phones = fc.integer({ min: 0, max: 9999 }).map(tail => `1990000${String(tail).padStart(4, '0')}`)
const mails = fc.stringMatching(/^[a-z][a-z0-9.]{0,10}[a-z]$/).map(local => `${local}@example.com`)
const idCards = fc.constant(idCard)
const planted = fc.oneof(phones, mails, idCards)
const cover = fc.constantFrom<(secret: string) => string>(
  secret => secret,
  secret => `联系我：${secret}。`,
  secret => `https://a.example/p?x=1&y=${encodeURIComponent(secret)}&z=2`,
  secret => `https://a.example/u/${secret}/orders#${secret}`,
  secret => `/go?to=${encodeURIComponent(`https://b.example/?q=${encodeURIComponent(secret)}`)}`,
  secret => JSON.stringify({ deep: [{ text: secret }] }),
  secret => `{not json ${secret}`,
  secret => `${secret}, ${secret}`,
)
const plantedText = fc
  .tuple(digitFree, cover, planted, digitFree)
  .map(([before, wrap, secret, after]) => ({ secret, text: `${before}${wrap(secret)}${after}` }))

const leaf = fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null))
const keyed = fc.oneof(
  fc.string(),
  fc.constantFrom('name', 'url', 'products', 'customer', 'title', 'address', 'page', 'phone', 'user_id', 'traits', '__proto__', 'query'),
)
const { json } = fc.letrec<{ json: Json }>(tie => ({
  json: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('json'), { maxLength: 4 }),
    fc.array(fc.tuple(keyed, tie('json')), { maxLength: 5 }).map(objectOf),
  ),
}))

/** Own keys only, `__proto__` included, as JSON.parse makes them. */
function objectOf(entries: [string, Json][]): JsonObject {
  return Object.fromEntries(entries)
}

/** Puts the text somewhere into the value: at its root, into a list, under a key, or as a key. */
function plant(value: Json, text: string, choices: number[]): Json {
  const [choice = 0, ...rest] = choices
  if (Array.isArray(value))
    return choice % 2 ? [...value, text] : [...value.slice(0, choice % (value.length + 1)), plant(value[0] ?? null, text, rest)]
  if (value === null || typeof value !== 'object') return choice % 3 ? text : { [text]: choice }
  const keys = Object.keys(value)
  const key = keys[choice % (keys.length + 1)] ?? ['note', 'name', 'url', 'sku_text', 'comment'][choice % 5] ?? 'note'
  return Object.fromEntries([
    ...Object.entries(value).filter(([other]) => other !== key),
    [key, plant(Object.hasOwn(value, key) ? (value[key] ?? null) : null, text, rest)],
  ])
}

test('no phone, e-mail address or identity number survives, wherever it was put', () => {
  fc.assert(
    fc.property(
      json,
      plantedText,
      fc.array(fc.nat(), { minLength: 4, maxLength: 6 }),
      fc.constantFrom('props', 'context', 'event', 'messageId'),
      (random, { secret, text }, choices, where) => {
        const clean = event(
          { value: where === 'props' ? plant(random, text, choices) : random },
          { value: where === 'context' ? plant(random, text, choices) : random },
        )
        const dirty = where === 'event' || where === 'messageId' ? { ...clean, [where]: text } : clean
        fc.pre(JSON.stringify(dirty).includes(secret) || decodeURIComponentFully(JSON.stringify(dirty)).includes(secret))
        const result = JSON.stringify(redact(dirty, blindIndex, noMarks))
        expect(result).not.toContain(secret)
        expect(decodeURIComponentFully(result)).not.toContain(secret)
      },
    ),
    { numRuns: 3000 },
  )
})

test('no text of the largest size holds the pipeline up', () => {
  const size = 32_000
  const parts = [
    '@',
    'a.',
    'a@a.',
    '+1 ',
    '1',
    '139 ',
    'a=1&',
    '%40',
    '%2540',
    '{"a":',
    'a= ',
    '１',
    'a13812345678',
    '110101199001011234',
    'a@',
  ]
  for (const part of parts) {
    const start = performance.now()
    cleanText(part.repeat(size / part.length))
    expect(performance.now() - start).toBeLessThan(1000)
  }
})

test('nothing but well-formed JSON of the same depth comes out, and never an error', () => {
  fc.assert(
    fc.property(json, json, (props, context) => {
      const cleaned = redact(event({ props }, { context }), blindIndex, noMarks)
      expect(JSON.parse(JSON.stringify(cleaned))).toEqual(JSON.parse(JSON.stringify(cleaned)))
      expect(Object.getPrototypeOf(cleaned.props)).toBe(Object.prototype)
    }),
    { numRuns: 500 },
  )
})

function decodeURIComponentFully(text: string): string {
  const once = text.replace(/(%[0-9A-Fa-f]{2})+/g, escaped => {
    try {
      return decodeURIComponent(escaped)
    } catch {
      return escaped
    }
  })
  return once === text ? text : decodeURIComponentFully(once)
}
