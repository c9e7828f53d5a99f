import type { Product } from './brand.ts'
import { atWork, dateOf, day, hour, written } from './clock.ts'
import { memberOf, type Systems } from './systems.ts'
import { bought, categoryFor, nearest, treatments } from './tastes.ts'

/** Money that is going to be paid back. */
export interface Refund {
  at: number
  pay: () => void
}

/** What one person pays for and comes for, as the patients' system has it. */
export class InStore {
  readonly #systems: Systems
  #orders: { at: number; total: number; id: string }[] = []
  #recoversUntil: number | undefined
  #storedValue: number | undefined
  /** In all. */
  spent = 0

  constructor(systems: Systems) {
    this.#systems = systems
  }

  get hasOrdered(): boolean {
    return this.#orders.length > 0
  }

  order(at: number): Refund | undefined {
    const { person, brand } = this.#systems
    const { chance, archetype, store } = person
    const isPrepaid = archetype.key === 'vip' && chance.happens(0.04)
    const total = isPrepaid ? chance.pick([20_000, 30_000]) : Math.max(99, Math.round(chance.around(archetype.order_value, 0.5)))
    const product = nearest(brand.products, isPrepaid ? 'anti_aging' : categoryFor(person, bought, 0.15), total)
    if (isPrepaid) this.#storedValue = Math.round(total * (0.3 + 0.7 * chance.draw()))
    else if (chance.happens(0.5)) this.#book(at, product)
    if (chance.happens(0.7)) this.#systems.visit('到店', at - 2 * hour, { 到店类型: this.hasOrdered ? 'return' : 'first' })
    const id = this.#systems.id('O')
    const discount = Math.min(0.6, Math.round(archetype.discount * (0.5 + chance.draw()) * 100) / 100)
    const [coupon, value] = chance.happens(archetype.discount * 2.6) ? chance.pick(coupons) : []
    this.#systems.till('成交', at, {
      订单号: id,
      门店: store,
      项目: product.id,
      品类: product.category,
      订单类型: isPrepaid ? 'stored_value' : typeOf(product),
      金额: total,
      原价: Math.round(total / (1 - discount)),
      折扣率: discount,
      券: coupon,
    })
    if (coupon) this.#systems.till('核销', at, { 订单号: id, 券: coupon, 券面额: value })
    this.#orders.push({ at, total, id })
    this.spent += total
    return chance.happens(0.028) ? this.#refundOf(id, total, atWork(at + (1 + chance.draw() * 9) * day)) : undefined
  }

  /** Whether there is a treatment to be had: of some archetypes only for some days after the order. */
  mayBeTreated(at: number): boolean {
    const last = this.#orders.at(-1)
    const { treat_days } = this.#systems.person.archetype
    return last !== undefined && (treat_days === undefined || at < last.at + treat_days * day)
  }

  treat(at: number): void {
    const product = this.#systems.product(this.#systems.person.chance.weighed(treatments))
    this.#systems.visit('到店', at - hour, { 到店类型: 'return' })
    this.#systems.treatment(at, product, this.#orders.at(-1)?.id)
    if (product.recovery_days > 0) this.#recoversUntil = at + product.recovery_days * day
  }

  consult(at: number, category: string): void {
    const { chance, advisor, contraindication } = this.#systems.person
    this.#systems.visit('面诊', at, {
      医生: this.#systems.doctor(),
      顾问: advisor,
      诉求: JSON.stringify([category]),
      方案金额: Math.round(chance.around(3000, 0.6)),
      禁忌: contraindication ? '是' : '否',
    })
  }

  /** A first talk, and a skin test. */
  bookConsultation(at: number): void {
    const appointment = atWork(at + (1 + this.#systems.person.chance.draw() * 6) * day)
    this.#systems.visit('预约', at, { 预约号: this.#systems.id('B'), 项目: 'P114', 品类: 'consult', 预约时间: written(appointment) })
  }

  /** What the systems say of the person on the last night. */
  snapshot(): void {
    const { person, now, emit } = this.#systems
    const at = now - 8 * hour
    const numbers = { 会员号: memberOf(person), 手机号: person.phone, 更新时间: written(at) }
    if (person.phone)
      emit('members', at, {
        用户ID: person.userId,
        ...numbers,
        会员等级: levelOf(this.#spentSince(now - 365 * day)),
        入会日期: dateOf(person.registersAt),
        积分余额: Math.round(this.spent / 10),
      })
    if (!this.hasOrdered && !person.skin) return
    emit('his-patients', at, {
      ...numbers,
      姓名: person.name,
      性别: person.gender === 'female' ? '女' : '男',
      生日: person.birthday,
      归属门店: person.store,
      储值余额: this.#storedValue,
      疗程剩余: person.courseLeft,
      禁忌: person.contraindication,
      恢复期至: this.#recoversUntil && dateOf(this.#recoversUntil),
      客诉处理中: person.complaint && (person.complaint.closedAt === undefined ? '是' : '否'),
    })
  }

  #refundOf(order: string, total: number, at: number): Refund {
    const { chance } = this.#systems.person
    const pay = () => {
      const part = chance.happens(0.6) ? 1 : 0.5
      const 原因 = chance.pick(['时间不便', '医生建议', '其他'])
      this.#systems.till('退款', at, { 订单号: order, 金额: -Math.round(total * part), 原因 })
    }
    return { at, pay }
  }

  #book(at: number, { id, category }: Product): void {
    const { chance, store } = this.#systems.person
    const 预约号 = this.#systems.id('B')
    const fields = { 预约号, 门店: store, 项目: id, 品类: category, 预约时间: written(at) }
    this.#systems.visit('预约', atWork(at - (1 + chance.draw() * 6) * day), fields)
    if (chance.happens(0.12)) this.#systems.visit('取消', atWork(at - day), { 预约号 })
    else if (chance.happens(0.06)) this.#systems.visit('爽约', at, { 预约号 })
  }

  #spentSince(from: number): number {
    return this.#orders.reduce((sum, { at, total }) => (at > from ? sum + total : sum), 0)
  }
}

const coupons = [
  ['K01', 100],
  ['K02', 300],
  ['K04', 200],
] as const

function typeOf({ sessions, category }: Product): string {
  if (sessions > 1) return 'course'
  return category === 'goods' ? 'goods' : 'single'
}

/** By what was paid in a year. */
function levelOf(spent: number): string {
  if (spent >= 30_000) return '黑卡'
  if (spent >= 10_000) return '金卡'
  return spent >= 3_000 ? '银卡' : '普通'
}
