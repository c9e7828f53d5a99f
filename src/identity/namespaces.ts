import { z } from '@hono/zod-openapi'

/**
 * What a workspace says about a kind of identifier. The order of priority decides which identifier of an event is the strongest:
 * strong before weak, then the smaller number.
 */
export const namespaceDocument = z.strictObject({
  key: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  name: z.strictObject({ zh: z.string().min(1).max(60), en: z.string().min(1).max(60) }),
  /** How a value is normalised and validated. */
  format: z.enum(['text', 'phone', 'email']),
  /** Strong identifiers that come together are one person; weak ones join the person they are seen with; `none` is kept and links nothing. */
  class: z.enum(['strong', 'weak', 'none']),
  priority: z.int().min(1).max(10_000),
  /** Two different values forbid a merge. */
  unique: z.boolean(),
  /** Values per profile; with a window, values linked within it. */
  limit: z.int().min(1).max(10_000).optional(),
  window: z
    .string()
    .regex(/^[1-9]\d{0,4}[hdw]$/)
    .optional(),
  /** `required`: the name carries its scope, as in `openid:wx12…`; without one the identifier links nothing. */
  scope: z.enum(['none', 'optional', 'required']),
  /** When a strong identifier comes with people who must stay apart: ask a person, or treat it as shared from then on. */
  disputed: z.enum(['review', 'share']),
  /** Values that are nobody's, without regard to case; `*` stands for any text. */
  blocked: z.array(z.string().min(1).max(200)).max(500),
  /** A value disputed by this many unrelated people is proposed for blocking, or blocked. */
  learn: z.strictObject({ propose: z.int().min(2).optional(), block: z.int().min(2).optional() }),
})
export type NamespaceDocument = z.infer<typeof namespaceDocument>

/** Values that no system means as an identifier, whatever the namespace; zeros, dashes and other fillers are recognised by their form. */
export const blockedEverywhere = [
  'null',
  'undefined',
  'none',
  'nil',
  'nan',
  'n/a',
  'na',
  'unknown',
  'anonymous',
  'guest',
  'true',
  'false',
  'default',
  'test',
  'user',
  'id',
  'userid',
  'user_id',
  'deviceid',
  '(null)',
  '(none)',
  '(not set)',
  '<null>',
  '[object object]',
  '{{*}}',
  '\u0024{*}',
  '无',
  '未知',
  '空',
  '匿名',
]

const learn = { propose: 5, block: 20 }
const base = {
  format: 'text',
  class: 'strong',
  unique: false,
  scope: 'none',
  disputed: 'review',
  blocked: [],
  learn,
} as const

/** What a new workspace starts with: the Chinese stack, strongest first. */
export const defaultNamespaces: readonly NamespaceDocument[] = [
  { ...base, key: 'user_id', name: { zh: '用户ID', en: 'User id' }, priority: 10, unique: true, limit: 1, blocked: [] },
  {
    ...base,
    key: 'unionid',
    name: { zh: '微信 UnionID', en: 'WeChat UnionID' },
    priority: 20,
    unique: true,
    limit: 1,
    scope: 'optional',
    blocked: [],
  },
  {
    ...base,
    key: 'external_userid',
    name: { zh: '企业微信外部联系人', en: 'WeCom customer' },
    priority: 30,
    unique: true,
    limit: 1,
    scope: 'required',
    blocked: [],
  },
  {
    ...base,
    key: 'phone',
    name: { zh: '手机号', en: 'Phone' },
    format: 'phone',
    priority: 40,
    limit: 3,
    blocked: ['+8613800138000', '+8613800000000', '+8613888888888', '+8613999999999', '+8613666666666', '+8618888888888', '+8615555555555'],
  },
  { ...base, key: 'member_id', name: { zh: '会员号', en: 'Member number' }, priority: 50, limit: 1, disputed: 'share', blocked: [] },
  { ...base, key: 'openid', name: { zh: '微信 OpenID', en: 'WeChat OpenID' }, priority: 60, limit: 1, scope: 'required', blocked: [] },
  {
    ...base,
    key: 'email',
    name: { zh: '邮箱', en: 'E-mail' },
    format: 'email',
    priority: 70,
    limit: 3,
    blocked: ['noreply@*', 'no-reply@*'],
  },
  {
    ...base,
    key: 'device_id',
    name: { zh: '设备ID', en: 'Device id' },
    class: 'weak',
    priority: 10,
    limit: 20,
    blocked: ['02:00:00:00:00:00', '9774d56d682e549c'],
    learn: {},
  },
  {
    ...base,
    key: 'anonymous_id',
    name: { zh: '匿名ID', en: 'Anonymous id' },
    class: 'weak',
    priority: 20,
    limit: 50,
    blocked: [],
    learn: {},
  },
]
