import { event, parameter, property, type TagDraft, type Template } from './template.ts'

const halfLife = (commerce: string, clinic?: string) => parameter('半衰期', 'half-life', commerce, clinic ?? commerce)
const least = parameter('至少事件数', 'fewest events', 3, 3)

function preference(key: string, zh: string, en: string, of: { gte?: number; top?: number }, affinity: object): TagDraft {
  return { key, zh, en, category: 'interest', kind: 'affinity', affinity: { dimension: key, ...of, ...affinity } }
}

/** The category that somebody likes most. */
export const categoryPreference: Template = {
  key: 'category_preference',
  zh: '品类偏好',
  en: 'Category preference',
  description: '浏览、加购、成交按 1:3:5 加权,随时间衰减;取前三',
  parameters: {
    viewed: event('浏览', 'viewed', 'Product Viewed', 'Product Viewed'),
    added: event('加购', 'added', 'Product Added', 'Product Added'),
    order: event('成交', 'an order is paid', 'Order Completed', 'Order Completed'),
    category: property('品类', 'category', 'category', 'category'),
    ordered: property('成交中的品类', 'category in an order', 'products[].category', 'category'),
    half_life: halfLife('30d'),
    least,
  },
  documents: of => [
    preference(
      'category_preference',
      '品类偏好',
      'Preferred category',
      { top: 3, gte: 0.2 },
      {
        from: [
          { event: of.text('viewed'), prop: of.text('category') },
          { event: of.text('added'), prop: of.text('category'), weight: 3 },
          { event: of.text('order'), prop: of.text('ordered'), weight: 5 },
        ],
        half_life: of.text('half_life'),
        min_events: of.number('least'),
      },
    ),
  ],
}

/** The brand that somebody likes most. A clinic has one brand, so it has no such tag. */
export const brandPreference: Template = {
  key: 'brand_preference',
  zh: '品牌偏好',
  en: 'Brand preference',
  description: '浏览、成交按 1:5 加权,随时间衰减',
  parameters: {
    viewed: event('浏览', 'viewed', 'Product Viewed'),
    order: event('成交', 'an order is paid', 'Order Completed'),
    brand: property('品牌', 'brand', 'brand'),
    ordered: property('成交中的品牌', 'brand in an order', 'products[].brand'),
    half_life: parameter('半衰期', 'half-life', '60d'),
    least: parameter('至少事件数', 'fewest events', 3),
  },
  documents: of => [
    preference(
      'brand_preference',
      '品牌偏好',
      'Preferred brand',
      { gte: 0.4 },
      {
        from: [
          { event: of.text('viewed'), prop: of.text('brand') },
          { event: of.text('order'), prop: of.text('ordered'), weight: 5 },
        ],
        half_life: of.text('half_life'),
        min_events: of.number('least'),
      },
    ),
  ],
}

/** The topic that somebody reads most about, and in which form. */
export const contentPreference: Template = {
  key: 'content_preference',
  zh: '内容偏好',
  en: 'Content preference',
  description: '阅读的主题与形式,按阅读进度加权,随时间衰减',
  parameters: {
    viewed: event('阅读内容', 'content is viewed', 'Content Viewed', 'Content Viewed'),
    topic: property('主题', 'topic', 'topic', 'topic'),
    form: property('形式', 'form', 'content_type', 'content_type'),
    progress: property('进度', 'progress', 'progress', 'progress'),
    half_life: halfLife('30d'),
    least: parameter('至少事件数', 'fewest events', 5, 5),
  },
  documents(of) {
    const from = (prop: string) => ({
      from: { event: of.text('viewed'), prop: of.text(prop), weight: of.text('progress') },
      half_life: of.text('half_life'),
      min_events: of.number('least'),
    })
    return [
      preference('content_topic', '内容主题偏好', 'Preferred topic', { gte: 0.3, top: 2 }, from('topic')),
      preference('content_form', '内容形式偏好', 'Preferred form', { gte: 0.7 }, from('form')),
    ]
  },
}

/** Where and when somebody is active. */
export const channelAndTime: Template = {
  key: 'channel_time',
  zh: '渠道与时段偏好',
  en: 'Channel and time of day',
  description: '常用渠道,以及一天中活跃的时段(夜间、上午、下午、晚上)',
  parameters: {
    active: event(
      '活跃行为',
      'what counts as active',
      ['Page Viewed', 'Product Viewed', 'Order Completed'],
      ['Page Viewed', 'Product Viewed', 'Content Viewed', 'Order Completed'],
    ),
    half_life: halfLife('30d'),
    least: parameter('至少事件数', 'fewest events', 5, 5),
  },
  documents(of) {
    const common = { half_life: of.text('half_life'), min_events: of.number('least') }
    const from = (named: object) => ({ from: { event: of.texts('active'), ...named }, ...common })
    return [
      preference('channel_preference', '渠道偏好', 'Preferred channel', { gte: 0.5 }, from({ by: 'channel' })),
      preference('daypart_preference', '时段偏好', 'Preferred time of day', { gte: 0.4 }, from({ time: 'daypart' })),
    ]
  },
}

/** Whose birthday is near. */
export const birthdaySoon: Template = {
  key: 'birthday_soon',
  zh: '近期生日',
  en: 'Birthday soon',
  description: '几天之内生日',
  parameters: { birthday: property('生日', 'birthday', 'birthday', 'birthday'), days: parameter('几天内', 'within', '7d', '7d') },
  documents: of => [
    {
      key: 'birthday_soon',
      zh: '近期生日',
      en: 'Birthday soon',
      category: 'attribute',
      kind: 'rule',
      values: [{ value: true, rule: { trait: of.text('birthday'), anniversaryWithin: of.text('days') } }],
    },
  ],
}
