/** What a key says about its value: which sort of personal data it holds, that it names a thing, or that it is a plain quantity. */
export type KeySort = PersonalSort | 'secret' | 'thing' | 'quantity' | 'person' | 'network' | 'coordinate' | 'plain'

/** Personal data by sort: the sort is the namespace of its keyed hash, so a phone in a property meets the same phone as an identifier. */
export type PersonalSort =
  | 'phone'
  | 'email'
  | 'name'
  | 'address'
  | 'id_card'
  | 'bank_card'
  | 'birthday'
  | 'account'
  | 'picture'
  | 'plate'
  | 'marked'

/** Where a key stands: inside the description of a person a bare `name` is a person's, in a product it is not. */
export type Place = 'thing' | 'person' | 'address' | 'query' | 'context' | 'location'

const personalSorts: ReadonlySet<string> = new Set<PersonalSort>([
  ...(['phone', 'email', 'name', 'address', 'id_card', 'bank_card', 'birthday', 'account', 'picture', 'plate', 'marked'] as const),
])

export function isPersonal(sort: KeySort): sort is PersonalSort {
  return personalSorts.has(sort)
}

const people =
  'user|users|customer|client|contact|person|people|member|patient|recipient|receiver|consignee|shipping|billing|buyer|guest|profile|passenger|sender|owner|attendee|participant|payer|payee|traits|holder|cardholder|subscriber|shipping_info|billing_info|buyer_info|user_info|customer_info|receiver_info'
const counted = '(_?(number|no|num|nr|code|value|e164|str|text|[0-9]+))*'

/** Keys are compared in lower case, words joined by `_`: `customerPhone-No` is `customer_phone_no`. First match wins. */
const sorts: readonly (readonly [KeySort, RegExp])[] = [
  ['plain', /^(is|has|can|show|enable|allow|use)_|(型号|品牌|类型|系统)$/],
  [
    'secret',
    /(^|_)(password|passwd|pwd|passphrase|cvv|cvc|(access|refresh|id|auth|session)_?token|session_?key|api_?key|client_?secret|secret|authorization)$/,
  ],
  ['secret', /密码|口令|验证码$/],
  ['email', /(^|_)(e_?mails?|mail(box)?)(_?(address|addr|id|[0-9]+))*$/],
  ['email', new RegExp(`^(${people})e?mail$`)],
  ['email', /(邮箱|电子邮件|电邮|邮件地址)(地址|账号)?\d*$/],
  [
    'phone',
    new RegExp(
      `(^|_)(phones?|mobiles?|tel|telephone|cell|cellphone|mobilephone|handphone|msisdn|fax|whatsapp|shouji(hao)?|dianhua)${counted}$`,
    ),
  ],
  ['phone', new RegExp(`^(${people}|contact|home|work|office|my|your)(phone|mobile|tel)${counted}$`)],
  ['phone', /(手机|电话|手机号|联系方式|座机|传真)(号码?)?[\d一二三]*([（(].*)?$/],
  ['id_card', new RegExp(`^((${people})_?)?id_?(number|no|num)$`)],
  [
    'id_card',
    /(^|_)(id_?card|identity(_?card)?|identification|national_?id|citizen_?id|ssn|social_security|passport|certificate|cert|(driver_?|driving_?)?licen[sc]e)_?(number|no|num)$/,
  ],
  ['id_card', /(^|_)(id_?card|identity_?card|national_?id|citizen_?id|ssn|social_security|passport|shenfenzheng|tax_?id)$/],
  ['id_card', /(身份证|证件号|护照|社保号|军官证|通行证|驾驶证)(号码?|码)?$/],
  [
    'bank_card',
    /(^|_)(bank_?card|bank_?account|credit_?card|debit_?card|card_?pan|iban|card_?number|account_?number)(_?(number|no|num))?$/,
  ],
  ['bank_card', /(银行卡|信用卡|储蓄卡|银行账[号户])(号码?)?$/],
  ['birthday', /(^|_)(birth_?day|birth_?date|date_?of_?birth|dob|birth)(_?(time|date|str))?$/],
  ['birthday', /(生日|出生日期|出生年月日?)$/],
  [
    'account',
    /(^|_)(wechat|weixin|wx)_?(id|no|number|account|name)$|(^|_)wxid$|(^|_)qq(_?(no|number|id))?$|(^|_)(alipay|skype|telegram|facebook|line)_?account$/,
  ],
  ['account', /(微信号?|QQ号?码?|支付宝账号)$/i],
  [
    'picture',
    /(^|_)(avatar|head_?img|head_?image|profile_?(photo|picture|image)|head_?portrait)(_?(url|uri|src))?$|^headimgurl$|头像(地址|链接)?$/,
  ],
  ['plate', /(^|_)((licen[sc]e|car|number)_?plate|plate_?(no|number))$|车牌(号码?)?$/],
  ['name', /(^|_)(first|last|full|real|true|given|family|middle|nick|maiden|legal)_?name(_?(zh|en|cn|[0-9]+))?$/],
  ['name', new RegExp(`(^|_)(${people})_?name(_?(zh|en|cn))?$`)],
  ['name', /(^|_)(surname|forename|nick|xingming|nicheng|contact_?person|consignee|addressee)$/],
  ['name', /(姓名|昵称|名字|收货人|收件人|联系人|客户名称?|会员名称?|用户名|称呼)$/],
  [
    'plain',
    /(^|_)(ip|mac|web|url|http|wallet|server|host|network|hardware|memory|return)_?(address|addr)$|(IP|MAC|网络|网页|链接|图片)地址$|网址$/i,
  ],
  [
    'address',
    /(^|_)(street|(home|work|shipping|billing|delivery|detail|full|postal|mailing|residential|receiver|street|office|company)?_?(address|addr)(_?(line|detail|text|str))?_?[0-9]*)$/,
  ],
  ['address', /(地址|住址|门牌号?)$/],
  [
    'quantity',
    /(^|_)(price|amount|total|subtotal|revenue|value|tax|discount|cost|fee|gmv|balance|points|score|duration|elapsed|time|timestamp|ts|at|date|ms|ns|us|seconds|size|bytes|length|count|quantity|qty|width|height|version|rank|position|offset)$/,
  ],
  ['quantity', /(价格?|金额|总额|费用|时间|时长|日期|数量|积分|次数|大小)$/],
  ['person', new RegExp(`^(${people}|participants|passengers|attendees|customers|contacts|members|guests|recipients|patients)$`)],
  ['person', /^(客户|用户|会员|顾客|患者|买家|乘客|收货信息|联系信息)(信息|资料)?$/],
  ['thing', /(^|_)(id|ids|sku|skus|spu|no|number|code|key|uuid|guid|barcode|ean|gtin|upc|isbn|asin|serial|hash|digest)$/],
  ['thing', /(编号|编码|单号|货号|条码|序列号|款号)$/],
]

/** A number under one of these belongs to a person after all, whatever its last word says. */
const personWords = new RegExp(`(^|_)(${people}|account|login|distinct|anonymous|openid|open_id|unionid|union_id|phone|mobile|tel)(_|$)`)
const inPerson = /^(names?|first|last|given|family|display_?name)$/
const locality =
  /^(city|province|state|region|country|country_?code|district|county|area|city_?code|province_?code|prefecture|省|市|区|县|城市|省份|国家|地区|area_?code|ad_?code|type|label|is_?default)$/

const known: Record<Place, Map<string, KeySort>> = {
  thing: new Map(),
  person: new Map(),
  address: new Map(),
  query: new Map(),
  context: new Map(),
  location: new Map(),
}
const knownAtMost = 20_000

/** What the key says where it stands. Remembered: clients send the same keys over and over. */
export function sortOfKey(key: string, place: Place): KeySort {
  const keys = known[place]
  const remembered = keys.get(key)
  if (remembered) return remembered
  if (keys.size >= knownAtMost) keys.clear()
  const sort = judge(wordsOf(key), place)
  keys.set(key, sort)
  return sort
}

/** What is inside a value with this key. */
export function placeInside(key: string, sort: KeySort, place: Place): Place {
  if (sort === 'person') return 'person'
  if (place === 'context') return key === 'location' ? 'location' : key === 'device' ? 'person' : 'thing'
  return place
}

function judge(words: string, place: Place): KeySort {
  if (place === 'address') return locality.test(words) ? 'plain' : 'address'
  if ((place === 'person' || place === 'query') && inPerson.test(words)) return 'name'
  if (place === 'context' && words === 'ip') return 'network'
  if (place === 'location' && /^(lat|lng|lon|latitude|longitude)$/.test(words)) return 'coordinate'
  const sort = sorts.find(([, pattern]) => pattern.test(words))?.[0] ?? 'plain'
  return sort === 'thing' && (personWords.test(words) || (words === 'id' && place === 'person')) ? 'plain' : sort
}

function wordsOf(key: string): string {
  return key
    .normalize('NFKC')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '')
}

/** Whether the key names somebody: `user_id`, `customer_no`. */
export function namesPerson(key: string): boolean {
  return personWords.test(wordsOf(key))
}
