import type { Brand, Product } from './brand.ts'
import { iso, written } from './clock.ts'
import type { Person } from './person.ts'
import type { Emit, Fields } from './rows.ts'

/** The systems of the clinic, as one person meets them: each notes what happens under the ids that it knows the person by, up to now. */
export class Systems {
  readonly person: Person
  readonly brand: Brand
  readonly now: number
  readonly emit: Emit
  #numbers = 0

  constructor(person: Person, brand: Brand, now: number, emit: Emit) {
    this.person = person
    this.brand = brand
    this.now = now
    this.emit = emit
  }

  mini(event: string, at: number, props: Fields): void {
    if (at >= this.now) return
    const { openid, userId, unionid, registersAt } = this.person
    const known = at >= registersAt ? { user_id: userId, unionid } : {}
    this.emit('behaviour', at, { message_id: this.id('m'), at: iso(at), event, openid, ...known, ...props })
  }

  wecom(event: string, at: number, props: Fields): void {
    if (at >= this.now) return
    const ids = { external_userid: externalOf(this.person), unionid: this.person.unionid }
    this.emit('wecom', at, { message_id: this.id('w'), at: iso(at), event, ...ids, ...props })
  }

  /** Money, in the patients' system. */
  till(kind: '成交' | '核销' | '退款', at: number, fields: Fields): void {
    if (at < this.now) this.emit('his-orders', at, { 流水号: this.id('L'), 类型: kind, ...this.#patient(at), ...fields })
  }

  visit(kind: '到店' | '预约' | '取消' | '爽约' | '面诊' | '客诉立案' | '客诉结案', at: number, fields: Fields): void {
    if (at >= this.now) return
    this.emit('his-visits', at, { 流水号: this.id('V'), 类型: kind, ...this.#patient(at), 门店: this.person.store, ...fields })
  }

  treatment(at: number, product: Product, order: string | undefined): void {
    if (at >= this.now) return
    const { id, category, sessions, price, recovery_days } = product
    this.emit('his-treatments', at, {
      治疗号: this.id('T'),
      ...this.#patient(at),
      订单号: order,
      项目: id,
      品类: category,
      第几次: this.person.chance.whole(1, Math.max(1, sessions)),
      总次数: sessions,
      消耗金额: Math.round(price / Math.max(1, sessions)),
      医生: this.doctor(),
      门店: this.person.store,
      恢复天数: recovery_days,
    })
  }

  #patient(at: number): Fields {
    return { 会员号: memberOf(this.person), 手机号: this.person.phone, 时间: written(at) }
  }

  /** A number of this person's own. */
  id(letter: string): string {
    return `${letter}${this.person.isRecognised ? '' : 'x'}${this.person.index}-${++this.#numbers}`
  }

  product(category: string): Product {
    return this.person.chance.pick(this.brand.products.filter(one => one.category === category))
  }

  doctor(): string {
    return this.person.chance.pick(this.brand.doctors)
  }
}

export function memberOf({ index }: Person): string {
  return `M${200_000 + index}`
}

export function externalOf({ index }: Person): string {
  return `wm-demo-${String(index).padStart(5, '0')}`
}
