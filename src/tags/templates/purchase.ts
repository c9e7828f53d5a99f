import { event, ordered, parameter, property, type Template, total } from './template.ts'

/** Where a customer stands with the brand. */
export const lifecycle: Template = {
  key: 'lifecycle',
  zh: '生命周期',
  en: 'Lifecycle',
  description: '潜客、回流、新客、活跃、流失预警、沉睡,按最近与首次成交划分',
  parameters: {
    order: ordered,
    active: event('视为活跃', 'counts as active', ['Order Completed'], ['Order Completed', 'Treatment Performed']),
    new: parameter('新客期', 'new for', '60d', '90d'),
    activeFor: parameter('活跃期', 'active for', '90d', '120d'),
    riskFor: parameter('流失预警期', 'at risk for', '180d', '240d'),
    back: parameter('回流期', 'won back for', '30d', '60d'),
    away: parameter('离开多久算流失', 'away for', '210d', '330d'),
  },
  documents(of) {
    const order = of.text('order')
    const active = of.texts('active')
    return [
      {
        key: 'lifecycle',
        zh: '生命周期',
        en: 'Lifecycle',
        category: 'lifecycle',
        kind: 'rule',
        values: [
          { value: 'prospect', zh: '潜客', en: 'Prospect', rule: { event: order, count: { eq: 0 } } },
          {
            value: 'won_back',
            zh: '回流',
            en: 'Won back',
            rule: {
              all: [
                { event: order, within: of.text('back') },
                { event: order, sinceFirst: { gt: of.text('away') } },
                { event: order, within: { ago: [of.text('away'), of.text('back')] }, count: { eq: 0 } },
              ],
            },
          },
          { value: 'new', zh: '新客', en: 'New', rule: { event: order, sinceFirst: { lte: of.text('new') } } },
          { value: 'active', zh: '活跃', en: 'Active', rule: { event: active, within: of.text('activeFor') } },
          { value: 'at_risk', zh: '流失预警', en: 'At risk', rule: { event: active, within: of.text('riskFor') } },
          { value: 'dormant', zh: '沉睡', en: 'Dormant', rule: { event: order, count: { gte: 1 } } },
        ],
      },
    ]
  },
}

const byQuintile = { quantiles: 5, labels: [1, 2, 3, 4, 5] }

/** Recency, frequency, monetary value in fifths of all customers, and the eight segments that come of them. */
export const rfm: Template = {
  key: 'rfm',
  zh: 'RFM',
  en: 'RFM',
  description: '最近、频次、金额各按五分位打分(每日更新),再组合成八类客户;4 分起为高',
  parameters: {
    order: ordered,
    total,
    within: parameter('统计窗口', 'window', '365d', '365d'),
    at: parameter('每日更新时间', 'time of day', '03:00', '03:00'),
    high: parameter('几分起为高', 'high from', 4, 4),
  },
  documents(of) {
    const selection = { event: of.text('order'), within: of.text('within'), onlyWhoDid: true as const }
    const common = { category: 'behaviour', kind: 'metric', refresh: { daily: of.text('at') } } as const
    const high = { gte: of.number('high') }
    const [r, f, m] = ['rfm_recency', 'rfm_frequency', 'rfm_monetary'].map(tag => ({
      yes: { tag, ...high },
      no: { not: { tag, ...high } },
    }))
    const segments: [string, string, string, boolean, boolean, boolean][] = [
      ['champion', '重要价值', 'Champion', true, true, true],
      ['promising_high', '重要发展', 'Promising, high value', true, false, true],
      ['keep_high', '重要保持', 'To keep, high value', false, true, true],
      ['rescue_high', '重要挽留', 'To rescue, high value', false, false, true],
      ['loyal', '一般价值', 'Loyal', true, true, false],
      ['promising', '一般发展', 'Promising', true, false, false],
      ['keep', '一般保持', 'To keep', false, true, false],
      ['rescue', '一般挽留', 'To rescue', false, false, false],
    ]
    return [
      {
        key: 'rfm_recency',
        zh: 'RFM·最近',
        en: 'RFM recency',
        ...common,
        metric: { ...selection, sinceLast: true },
        buckets: { ...byQuintile, order: 'desc' },
      },
      { key: 'rfm_frequency', zh: 'RFM·频次', en: 'RFM frequency', ...common, metric: { ...selection, count: true }, buckets: byQuintile },
      {
        key: 'rfm_monetary',
        zh: 'RFM·金额',
        en: 'RFM monetary',
        ...common,
        metric: { ...selection, sum: { prop: of.text('total') } },
        buckets: byQuintile,
      },
      {
        key: 'rfm_segment',
        zh: 'RFM 客户类型',
        en: 'RFM segment',
        category: 'behaviour',
        kind: 'rule',
        values: segments.map(([value, zh, en, recent, often, much]) => ({
          value,
          zh,
          en,
          rule: {
            all: [
              { tag: 'rfm_recency' },
              ...[[r, recent] as const, [f, often] as const, [m, much] as const].flatMap(([one, is]) =>
                one ? [is ? one.yes : one.no] : [],
              ),
            ],
          },
        })),
      },
    ]
  },
}

/** How much somebody spent, in levels that the brand names. */
export const spendLevel: Template = {
  key: 'spend_level',
  zh: '消费等级',
  en: 'Spend level',
  description: '窗口内净成交额(退款为负)所在的等级',
  parameters: {
    counted: event('计入净额', 'counts in the net', ['Order Completed', 'Order Refunded'], ['Order Completed', 'Order Refunded']),
    total,
    within: parameter('统计窗口', 'window', '365d', '365d'),
    levels: parameter('等级 A、B、S 的起点', 'where A, B and S begin, B first', [500, 2000, 5000], [3000, 10_000, 30_000]),
  },
  documents(of) {
    const [b = 0, a = 0, s = 0] = of.numbers('levels')
    const rule = (asked: object) => ({ event: of.texts('counted'), within: of.text('within'), sum: { prop: of.text('total'), ...asked } })
    return [
      {
        key: 'spend_level',
        zh: '消费等级',
        en: 'Spend level',
        category: 'attribute',
        kind: 'rule',
        values: [
          { value: 'S', zh: `≥ ${s}`, rule: rule({ gte: s }) },
          { value: 'A', zh: `${a}–${s}`, rule: rule({ gte: a }) },
          { value: 'B', zh: `${b}–${a}`, rule: rule({ gte: b }) },
          { value: 'C', zh: `< ${b}`, rule: rule({ gt: 0 }) },
        ],
      },
    ]
  },
}

/** Days since the last order, in steps. */
export const recency: Template = {
  key: 'recency',
  zh: '最近成交',
  en: 'Recency',
  description: '距最近一次成交的天数所在的区间,随时间自动更新',
  parameters: { order: ordered, days: parameter('区间(天)', 'steps in days', [30, 90, 180, 365], [30, 90, 180, 365]) },
  documents(of) {
    const edges = of.numbers('days')
    const labels = [...edges.map((edge, index) => (index === 0 ? `0-${edge}` : `${edges[index - 1]}-${edge}`)), `${edges.at(-1)}+`]
    return [
      {
        key: 'recency',
        zh: '最近成交(天)',
        en: 'Days since the last order',
        category: 'behaviour',
        kind: 'metric',
        metric: { event: of.text('order'), sinceLast: true },
        buckets: { edges, labels },
      },
    ]
  },
}

/** Whether somebody buys because of the discount. */
export const discountAffinity: Template = {
  key: 'discount_affinity',
  zh: '优惠偏好',
  en: 'Discount affinity',
  description: '用券次数与平均折扣',
  parameters: {
    order: ordered,
    redeemed: event('用券', 'a coupon is redeemed', 'Coupon Applied', 'Coupon Redeemed'),
    rate: property('折扣率', 'discount rate', 'discount_rate', 'discount_rate'),
    within: parameter('统计窗口', 'window', '365d', '365d'),
    often: parameter('经常用券(次)', 'often, times', 3, 3),
    deep: parameter('平均折扣率', 'average discount', 0.2, 0.2),
  },
  documents(of) {
    const within = of.text('within')
    const orders = { event: of.text('order'), within, count: { gte: 2 } }
    return [
      {
        key: 'discount_affinity',
        zh: '优惠偏好',
        en: 'Discount affinity',
        category: 'behaviour',
        kind: 'rule',
        values: [
          {
            value: 'high',
            zh: '高',
            en: 'High',
            rule: {
              any: [
                { event: of.text('redeemed'), within, count: { gte: of.number('often') } },
                { all: [orders, { event: of.text('order'), within, avg: { prop: of.text('rate'), gte: of.number('deep') } }] },
              ],
            },
          },
          { value: 'some', zh: '有', en: 'Some', rule: { event: of.text('redeemed'), within } },
          { value: 'none', zh: '无', en: 'None', rule: orders },
        ],
      },
    ]
  },
}
