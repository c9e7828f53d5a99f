import type { Brand } from './brand.ts'
import { atWork, day, iso, waking, written } from './clock.ts'
import { InStore } from './in-store.ts'
import { OnPhone } from './on-phone.ts'
import type { Person } from './person.ts'
import type { Emit } from './rows.ts'
import { externalOf, Systems } from './systems.ts'

/** One person's way through the days. The rates per day are the archetype's; what belongs to an act (a visit, a review) follows from it. */
export class Life {
  readonly person: Person
  readonly #systems: Systems
  readonly #phone: OnPhone
  readonly #store: InStore
  readonly #rate: number
  /** What is to come, in no order; few. */
  #coming: { at: number; happen: () => void }[] = []

  constructor(person: Person, brand: Brand, now: number, emit: Emit) {
    this.person = person
    this.#systems = new Systems(person, brand, now, emit)
    this.#phone = new OnPhone(this.#systems)
    this.#store = new InStore(this.#systems)
    const { views, content, doctor, consult, orders, treat, coupon } = person.archetype
    this.#rate = views + content + doctor + consult + orders + treat + coupon
    if (person.isRecognised) this.#plan()
  }

  /** What happens in the 24 hours from a moment on. */
  live(from: number): void {
    const { joinsAt, silentAt, chance, friend } = this.person
    if (joinsAt >= from + day) return
    const due = this.#coming.filter(({ at }) => at < from + day)
    if (due.length > 0) this.#coming = this.#coming.filter(({ at }) => at >= from + day)
    for (const { happen } of due) happen()
    if (silentAt < from) return
    for (let passed = chance.wait(this.#rate); passed < 1; passed += chance.wait(this.#rate)) {
      const at = from + passed * day
      if (at >= joinsAt && at < silentAt) this.#act(at)
    }
    if (friend && chance.happens(this.#contactRate())) this.#isContacted(atWork(from + chance.draw() * day))
  }

  /** What the systems know of the person in the end. */
  close(): void {
    if (this.person.isRecognised) this.#store.snapshot()
  }

  #at(at: number | undefined, happen: (at: number) => void): void {
    if (at !== undefined && at < this.#systems.now) this.#coming.push({ at, happen: () => happen(at) })
  }

  #plan(): void {
    const { person } = this
    this.#at(person.registersAt, at => this.#registers(at))
    this.#at(person.firstOrderAt, at => this.#order(atWork(at)))
    this.#at(person.returnsAt, at => this.#order(atWork(at)))
    this.#at(person.skin?.testedAt, at => this.#isTested(atWork(at)))
    this.#at(person.followsAt, at => this.#follows(at))
    this.#at(person.friend?.addedAt, at => this.#befriends(at))
    this.#at(person.friend?.removedAt, at => this.#unfriends(at))
    const { complaint } = person
    const 客诉号 = `Q${person.index}`
    const 客诉类型 = person.chance.pick(['service', 'medical', 'price'])
    this.#at(complaint?.openedAt, at => this.#systems.visit('客诉立案', atWork(at), { 客诉号, 客诉类型 }))
    this.#at(complaint?.closedAt, at => this.#systems.visit('客诉结案', atWork(at), { 客诉号 }))
  }

  #act(at: number): void {
    const { views, content, doctor, consult, orders, treat, coupon } = this.person.archetype
    const mayOrder = this.#store.hasOrdered
    const mayBeTreated = this.#store.mayBeTreated(at)
    const act = this.person.chance.weighed<() => void>([
      [() => this.#view(waking(at)), views],
      [() => this.#phone.read(waking(at)), content],
      [() => this.#phone.readAboutDoctor(waking(at)), doctor],
      [() => this.#consult(waking(at)), consult],
      [() => (mayOrder ? this.#order(atWork(at)) : undefined), orders],
      [() => (mayBeTreated ? this.#treat(atWork(at)) : undefined), treat],
      [() => this.#phone.takeCoupon(waking(at)), coupon],
    ])
    act()
  }

  #view(at: number): void {
    this.#phone.view(at)
    const { archetype, chance, friend } = this.person
    if (archetype.key !== 'considering') return
    if (chance.happens(booksAfterView)) this.#books(at + (0.1 + chance.draw() * 1.9) * day)
    if (!friend || !chance.happens(0.2)) return
    const contactedAt = atWork(at + chance.draw() * 4 * day)
    this.#at(contactedAt, when => this.#isContacted(when))
    const isFriend = contactedAt >= friend.addedAt && contactedAt <= (friend.removedAt ?? contactedAt)
    if (isFriend && chance.happens(booksAfterView * urgedBy(contactedAt - at))) this.#books(contactedAt + chance.draw() * day)
  }

  #books(at: number): void {
    if (this.person.phone) this.#at(atWork(at), when => this.#store.bookConsultation(when))
  }

  #order(at: number): void {
    const refund = this.#store.order(at)
    if (refund) this.#at(refund.at, refund.pay)
  }

  #treat(at: number): void {
    const { chance } = this.person
    this.#store.treat(at)
    if (chance.happens(0.1)) this.#at(waking(at + (1 + chance.draw() * 3) * day), when => this.#phone.review(when))
  }

  #consult(at: number): void {
    const { chance, phone } = this.person
    const category = this.#phone.consult(at)
    if (phone && this.#store.hasOrdered && chance.happens(0.4)) this.#store.consult(atWork(at + day), category)
  }

  #registers(at: number): void {
    const { userId, unionid, openid, phone, name, gender, birthday, city, firstSource, consents } = this.person
    const { marketing, personalized } = consents
    const ids = { user_id: userId, unionid, openid, phone }
    const traits = { name, gender, birthday, city, first_source: firstSource }
    this.#systems.emit('registrations', at, { ...ids, ...traits, marketing, personalized, at: iso(at) })
  }

  #isTested(at: number): void {
    const { skin, userId, unionid, openid, consents, store, chance, index, phone } = this.person
    if (!skin) return
    // The consent is asked for on its own page, before the test.
    const asked = at - 600_000
    const who = { user_id: userId, unionid, openid }
    this.#systems.emit('registrations', asked, { ...who, medical_profile: consents.medical, at: iso(asked) })
    this.#systems.emit('skin-tests', at, {
      test_id: `S${index}`,
      at: iso(at),
      phone,
      store_id: store,
      device: 'demo-skin-2',
      skin_type: skin.type,
      hydration: chance.whole(20, 80),
      sensitivity: skin.sensitivity,
    })
  }

  #follows(at: number): void {
    const { unionid, index } = this.person
    const openid = `oa-demo-${String(index).padStart(5, '0')}`
    this.#systems.emit('oa', at, { unionid, openid, followed: true, at: iso(at) })
  }

  #befriends(at: number): void {
    const { advisor, chance } = this.person
    const state = `qr_${chance.pick(['store', 'oa', 'content', 'referral'])}`
    const props = { advisor_id: advisor, state, add_way: chance.whole(1, 5), wecom_friend: true, first_state: state }
    this.#systems.wecom('WeCom Contact Added', at, props)
    const assigned = { external_userid: externalOf(this.person), advisor_id: advisor, assigned_at: written(at + 1000) }
    this.#systems.emit('assignments', at + 1000, assigned)
    if (chance.happens(0.21)) this.#books(at + chance.draw() * 13 * day)
  }

  #unfriends(at: number): void {
    const by = this.person.chance.pick(['customer', 'advisor'])
    this.#systems.wecom('WeCom Contact Removed', at, { advisor_id: this.person.advisor, by, wecom_friend: false })
  }

  /** Advisors write to those who spend much about every ten days, to others now and then. */
  #contactRate(): number {
    return this.#store.spent >= 10_000 ? 0.105 : 0.012
  }

  #isContacted(at: number): void {
    const { chance, advisor, friend } = this.person
    if (!friend || at < friend.addedAt || at > (friend.removedAt ?? at)) return
    this.#systems.wecom('Advisor Contacted', at, {
      advisor_id: advisor,
      method: chance.weighed(methods),
      evidence: chance.pick(['task', 'sidebar', 'receipt']),
      outcome: chance.weighed(outcomes),
    })
  }
}

/** How often somebody who thinks of it books a talk after looking at something. */
const booksAfterView = 0.03

/** What an advisor's word adds to that, by how long after: within a day as much again, after three nothing. */
function urgedBy(afterMs: number): number {
  return Math.max(0, Math.min(1, (3 * day - afterMs) / (2 * day)))
}

const methods = [
  ['chat', 6],
  ['mass_send', 3],
  ['call', 1],
] as const

const outcomes = [
  ['replied', 4],
  ['none', 4],
  ['booked', 1],
  ['refused', 1],
] as const
