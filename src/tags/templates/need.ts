import type { Rule } from '../../rules/schema.ts'
import { event, ordered, parameter, property, type TagDraft, type Template } from './template.ts'

const clinic = (zh: string, en: string, value: Parameters<typeof parameter>[2]) => parameter(zh, en, undefined, value)
const viewed = event('浏览项目', 'viewed', 'Product Viewed', 'Product Viewed')
const content = event('阅读内容', 'content is viewed', 'Content Viewed', 'Content Viewed')

function one(key: string, zh: string, en: string, category: 'behaviour' | 'interest', rule: Rule): TagDraft {
  return { key, zh, en, category, kind: 'rule', values: [{ value: true, rule }] }
}

/** Who cares for the skin often: treatments, goods, or much reading and looking. */
export const frequentSkincare: Template = {
  key: 'frequent_skincare',
  zh: '高频护肤需求',
  en: 'Frequent skincare need',
  description: '半年内多次护理、购买,或近一月常看护肤内容与项目;治疗记录只用于已同意健康信息的人',
  parameters: {
    consent: clinic('健康信息同意', 'consent to medical data', 'consent_medical'),
    treated: clinic('事件:治疗', 'event: treated', 'Treatment Performed'),
    order: event('成交', 'an order is paid', undefined, 'Order Completed'),
    viewed: event('浏览项目', 'viewed', undefined, 'Product Viewed'),
    content: event('阅读内容', 'content is viewed', undefined, 'Content Viewed'),
    treatments: clinic('护理品类', 'categories of treatments', ['hydration', 'cleaning', 'photo']),
    goods: clinic('购买品类', 'categories of goods', ['hydration', 'cleaning', 'goods']),
    topics: clinic('内容主题', 'topics', ['dry_care', 'barrier', 'acne', 'after_care']),
  },
  documents(of) {
    const category = (list: string) => [{ prop: 'category', in: of.texts(list) }]
    return [
      one('frequent_skincare', '高频护肤需求', 'Frequent skincare need', 'behaviour', {
        any: [
          {
            all: [
              { trait: of.text('consent'), eq: true },
              { event: of.text('treated'), where: category('treatments'), within: '180d', days: { gte: 3 } },
            ],
          },
          { event: of.text('order'), where: category('goods'), within: '180d', days: { gte: 3 } },
          {
            all: [
              {
                event: of.text('content'),
                where: [
                  { prop: 'topic', in: of.texts('topics') },
                  { prop: 'duration_s', gte: 30 },
                ],
                within: '30d',
                days: { gte: 4 },
              },
              { event: of.text('viewed'), where: category('goods'), within: '30d', count: { gte: 2 } },
            ],
          },
        ],
      }),
    ]
  },
}

/** Who waits for coupons and buys at a discount, and never much without one. */
export const priceSensitive: Template = {
  key: 'price_sensitive',
  zh: '价格敏感型',
  en: 'Price sensitive',
  description: '常用券、成交折扣大,或领券并反复看价格内容;大额且几乎无折扣的成交除外',
  parameters: {
    order: ordered,
    redeemed: event('用券', 'a coupon is redeemed', 'Coupon Applied', 'Coupon Redeemed'),
    received: event('领券', 'a coupon is received', 'Coupon Viewed', 'Coupon Received'),
    content,
    rate: property('折扣率', 'discount rate', 'discount_rate', 'discount_rate'),
    total: property('金额', 'amount of money', 'total', 'total'),
    topics: parameter('价格类主题', 'topics about prices', ['price', 'promotion'], ['price', 'promotion']),
    large: parameter('大额', 'a large amount', 2000, 10_000),
  },
  documents(of) {
    const order = { event: of.text('order'), within: '365d' }
    return [
      one('price_sensitive', '价格敏感型', 'Price sensitive', 'behaviour', {
        all: [
          {
            any: [
              { event: of.text('redeemed'), within: '365d', count: { gte: 2 } },
              {
                all: [
                  { ...order, count: { gte: 2 } },
                  { ...order, avg: { prop: of.text('rate'), gte: 0.15 } },
                ],
              },
              {
                all: [
                  { event: of.text('received'), within: '90d', count: { gte: 2 } },
                  { event: of.text('content'), where: [{ prop: 'topic', in: of.texts('topics') }], within: '30d', days: { gte: 2 } },
                ],
              },
            ],
          },
          {
            not: {
              ...order,
              where: [
                { prop: of.text('rate'), lt: 0.05 },
                { prop: of.text('total'), gte: of.number('large') },
              ],
            },
          },
        ],
      }),
    ]
  },
}

/** Who looks at doctors before anything else. */
export const valuesDoctor: Template = {
  key: 'values_doctor',
  zh: '在意医生口碑',
  en: 'Cares about the doctor',
  description: '近两月看过多位医生或多天看医生主页、评价过医生,或读完医生资质内容',
  parameters: {
    doctor: clinic('事件:查看医生主页', 'event: a doctor’s page is viewed', 'Doctor Profile Viewed'),
    review: clinic('事件:评价', 'event: a review', 'Review Submitted'),
    content: event('阅读内容', 'content is viewed', undefined, 'Content Viewed'),
    licence: clinic('医生资质内容', 'content about licences', ['C06']),
  },
  documents(of) {
    const doctor = { event: of.text('doctor'), within: '60d' }
    return [
      one('values_doctor', '在意医生口碑', 'Cares about the doctor', 'interest', {
        any: [
          { ...doctor, where: [{ prop: 'duration_s', gte: 10 }], distinct: { prop: 'doctor_id', gte: 3 } },
          { ...doctor, days: { gte: 3 } },
          { event: of.text('review'), where: [{ prop: 'about', eq: 'doctor' }], within: '365d' },
          {
            all: [
              {
                event: of.text('content'),
                where: [
                  { prop: 'content_id', in: of.texts('licence') },
                  { prop: 'progress', gte: 0.6 },
                ],
                within: '60d',
              },
              doctor,
            ],
          },
        ],
      }),
    ]
  },
}

/** Who will probably come again: a baseline that a model may replace. */
export const likelyReturn: Template = {
  key: 'likely_return',
  zh: '易复购客户',
  en: 'Likely to return',
  description: '一年内多次成交、近期仍活跃、无退款、没有差评',
  parameters: {
    order: ordered,
    active: event('视为活跃', 'counts as active', ['Order Completed'], ['Order Completed', 'Treatment Performed']),
    refund: event('退款', 'refunded', 'Order Refunded', 'Order Refunded'),
    nps: property('最近 NPS', 'last NPS', 'last_nps', 'last_nps'),
  },
  documents: of => [
    one('likely_return', '易复购客户', 'Likely to return', 'behaviour', {
      all: [
        { event: of.text('order'), within: '365d', days: { gte: 2 } },
        { event: of.texts('active'), within: '90d' },
        { not: { event: of.text('refund'), within: '180d' } },
        { not: { trait: of.text('nps'), lt: 7 } },
      ],
    }),
  ],
}

/** How strongly somebody means to buy of a category; one tag per category. */
export const intent: Template = {
  key: 'intent',
  zh: '品类意向',
  en: 'Intent per category',
  description: '每个品类一个标签:强烈(加购或咨询)、中度(多天浏览)、轻度(浏览过)',
  parameters: {
    viewed,
    added: event('加购或咨询', 'added or asked', ['Product Added'], ['Product Added', 'Consultation Started']),
    order: ordered,
    category: property('品类', 'category', 'category', 'category'),
    ordered: property('成交中的品类', 'category in an order', 'products[].category', 'category'),
    seconds: parameter('至少停留(秒)', 'seconds at least', 0, 5),
    duration: property('停留', 'seconds', 'duration_s', 'duration_s'),
    categories: parameter(
      '品类',
      'categories',
      ['default'],
      ['hydration', 'cleaning', 'photo', 'anti_aging', 'hair_removal', 'acne', 'goods'],
    ),
  },
  documents(of) {
    const seconds = of.number('seconds')
    return of.texts('categories').map(category => {
      const own = [{ prop: of.text('category'), eq: category }]
      const seen = { event: of.text('viewed'), where: [...own, ...(seconds > 0 ? [{ prop: of.text('duration'), gte: seconds }] : [])] }
      const none = (within: string): Rule => ({
        not: { event: of.text('order'), where: [{ prop: of.text('ordered'), eq: category }], within },
      })
      const added = { event: of.texts('added'), where: own }
      return {
        key: `intent_${category.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')}`,
        zh: `意向·${category}`,
        en: `Intent: ${category}`,
        category: 'interest' as const,
        kind: 'rule' as const,
        values: [
          { value: 'strong', zh: '强烈', en: 'Strong', rule: { all: [{ ...added, within: '7d' }, none('7d')] } },
          { value: 'medium', zh: '中度', en: 'Medium', rule: { all: [{ ...seen, within: '14d', days: { gte: 2 } }, none('14d')] } },
          {
            value: 'light',
            zh: '轻度',
            en: 'Light',
            rule: { all: [{ ...seen, within: '14d' }, { not: { ...added, within: '14d' } }, none('14d')] },
          },
        ],
      }
    })
  },
}
