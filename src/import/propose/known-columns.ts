/** What a column is, as its name says. */
export type ColumnSort =
  | { is: 'identifier'; namespace: string }
  | { is: 'time'; rank: number }
  | { is: 'date-of-day' }
  | { is: 'time-of-day' }
  | { is: 'amount'; unit: '元' | '分'; rank: number }
  | { is: 'event' }
  | { is: 'order' }
  | { is: 'consent'; purpose: string }
  | { is: 'trait'; key: string; type: 'string' | 'number' | 'date' }

const identifier = (namespace: string, pattern: RegExp): [RegExp, ColumnSort] => [pattern, { is: 'identifier', namespace }]
const trait = (key: string, pattern: RegExp, type: 'string' | 'number' | 'date' = 'string'): [RegExp, ColumnSort] => [
  pattern,
  { is: 'trait', key, type },
]

/** Names are compared in lower case, words joined by `_`. First match wins. */
const known: readonly (readonly [RegExp, ColumnSort])[] = [
  identifier('unionid', /^(wx_|wechat_|weixin_)?union_?id$|^微信union_?id$/),
  identifier('external_userid', /^external_?user_?id$|^(企微|企业微信)(外部)?(联系人|客户)id$/),
  identifier('openid', /^(wx_|wechat_|weixin_|mini_?(program|app)_|mp_)?open_?id$|^(微信|小程序|公众号)open_?id$/),
  identifier(
    'phone',
    /^((customer|user|member|buyer|contact|receiver)_)?(phone|mobile|cell|tel|telephone|cellphone|mobilephone)(_?(number|no|num))?$/,
  ),
  identifier('phone', /^(客户|会员|用户|顾客|买家|收货人|联系人|联系)?(手机|电话|手机号|手机号码|电话号码|联系电话|联系方式)$/),
  identifier(
    'email',
    /^((customer|user|member|buyer|contact)_)?e_?mail(_?address)?$|^(客户|会员|用户)?(邮箱|电子邮箱|电子邮件|邮箱地址|邮件)$/,
  ),
  identifier(
    'member_id',
    /^(member|membership|card|vip|household|loyalty)_?(id|no|num|number|code|card_?no)$|^(会员|会员卡|vip)(编号|号|号码|id|卡号|编码)$|^卡号$/,
  ),
  identifier(
    'user_id',
    /^(user|customer|client|account|buyer|member_user)_?(id|no|code|uid)$|^uid$|^(用户|客户|顾客|账号|账户|买家)(id|编号|编码|号)$|^客户代码$/,
  ),
  identifier('device_id', /^(device_?id|idfa|oaid|imei|android_?id)$|^设备(id|号)$/),
  identifier('anonymous_id', /^(anonymous_?id|cookie_?id|visitor_?id|client_?cookie)$|^(匿名|访客)id$/),
  [/^(event|event_?(name|type)|action|behaviou?r(_type)?)$|^(事件|事件名|事件名称|行为|行为类型|事件类型)$/, { is: 'event' }],
  [
    /^(order|trade|transaction|trans|basket|bill|receipt|invoice|ticket)_?(id|no|num|number|code|sn)$|^(订单|交易|流水|小票|单据|账单)(编号|号|号码|id|流水号)$/,
    { is: 'order' },
  ],
  [/^(pay(ment)?|paid)_?(time|at|date)$|^(支付|付款|成交)(时间|日期)$/, { is: 'time', rank: 2 }],
  [
    /^(event|order|transaction|trans|trade|purchase|occurred|visit|visited)_?(time|at|timestamp|date_?time|ts|date)$|^(下单|订单|交易|消费|购买|到店|就诊|预约|发生|事件|行为|核销)(时间|日期)$/,
    { is: 'time', rank: 3 },
  ],
  [/^(redemption|redeem|start|launch|send|sent)_?(time|at|date)$/, { is: 'time', rank: 1 }],
  [/^(timestamp|time|datetime|date_?time|ts|occurred)$|^(时间|日期时间)$/, { is: 'time', rank: 2 }],
  [/^(created|create|updated|update|modified)_?(time|at|date|on)$|^(创建|更新|修改)(时间|日期)$/, { is: 'time', rank: 0 }],
  [/^(date|day)$|^日期$/, { is: 'date-of-day' }],
  [/^(time_of_day|clock)$|^(时刻|几点)$/, { is: 'time-of-day' }],
  [/^(amount|total|price|paid|pay(ment)?|sales)_?(in_)?(fen|cents?|minor)$|[（(_]分[)）]?$/, { is: 'amount', unit: '分', rank: 3 }],
  [
    /^(total|grand_total|order_?(amount|total)|total_?(amount|price|fee)|pay(ment)?_?(amount|fee)?|paid_?amount|amount_?paid|revenue|actual_?(amount|paid))$/,
    { is: 'amount', unit: '元', rank: 3 },
  ],
  [/^(实付|实收|支付|付款|成交|订单|消费|应付|总)(金额|总额|价|款)?([（(]元[)）])?$/, { is: 'amount', unit: '元', rank: 3 }],
  [/^(amount|sales_?(value|amount)|dollar_value|gmv|fee)$|^金额([（(]元[)）])?$/, { is: 'amount', unit: '元', rank: 2 }],
  [/^(price|unit_price)$|^(价格|单价|售价)([（(]元[)）])?$/, { is: 'amount', unit: '元', rank: 1 }],
  [
    /^(accepts?_?marketing|marketing_?consent|opt_?in|sms_?opt_?in)$|^(是否)?(同意|接受|允许)(营销|推送|短信)$/,
    { is: 'consent', purpose: 'marketing' },
  ],
  trait('name', /^((customer|user|member|full|real)_)?name$|^(客户|会员|用户|顾客)?(姓名|名称|名字)$/),
  trait('nickname', /^nick_?name$|^昵称$/),
  trait('gender', /^(gender|sex)$|^性别$/),
  trait('birthday', /^(birth_?day|birth_?date|date_?of_?birth|dob)$|^(生日|出生日期|出生年月日?)$/, 'date'),
  trait('age', /^age$|^年龄$/),
  trait('city', /^(city)$|^(城市|所在城市|市)$/),
  trait('province', /^(province|state|region)$|^(省|省份|地区)$/),
  trait('address', /^(address|shipping_address)$|^(地址|收货地址|联系地址)$/),
  trait('level', /^(level|tier|grade|member(ship)?_?(level|tier|grade))$|^(会员)?(等级|级别)$/),
  trait('points', /^(points|score|loyalty_points)$|^(积分|会员积分|剩余积分)$/, 'number'),
  trait(
    'registered_at',
    /^(register(ed)?|registration|join(ed)?|signup|member_since)_?(time|at|date|on)?$|^(注册|入会|开卡|建档)(时间|日期)$/,
    'date',
  ),
]

export function sortOfColumn(name: string): ColumnSort | undefined {
  const words = wordsOf(name)
  return known.find(([pattern]) => pattern.test(words))?.[1]
}

/** `下单时间` stays, `orderTime` and `Order Time` are `order_time`. */
export function wordsOf(name: string): string {
  return name
    .normalize('NFKC')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .trim()
    .replace(/[\s\-./]+/g, '_')
}
