import type { Content, Product } from './brand.ts'
import { dateOf, day, iso } from './clock.ts'
import type { Systems } from './systems.ts'
import { appeal, categoryFor, courseShareOf, viewed, winterCare } from './tastes.ts'

/** What one person does in the mini program, and writes to the advisor. */
export class OnPhone {
  readonly #systems: Systems
  #lastSeen: Product | undefined
  #coupons = 0

  constructor(systems: Systems) {
    this.#systems = systems
  }

  view(at: number): void {
    const { person } = this.#systems
    const { chance } = person
    const seen = this.#lastSeen && chance.happens(0.27) ? this.#lastSeen : this.#systems.product(categoryFor(person, viewed, 0.45))
    this.#lastSeen = seen
    const { id: product_id, zh: name, category, price } = seen
    const duration_s = chance.happens(0.15) ? chance.whole(1, 4) : seconds(5 + chance.around(25, 0.9))
    const entry = chance.pick(['home', 'search', 'content', 'share'])
    this.#systems.mini('Product Viewed', at, { product_id, name, category, price, duration_s, entry })
    if (chance.happens(0.07)) this.#systems.mini('Product Added', at + 30_000, { product_id, category, price, quantity: 1 })
    else if (chance.happens(0.02))
      this.#systems.mini('Products Searched', at - 20_000, { query: name.slice(0, 4), results: chance.whole(1, 9) })
  }

  read(at: number): void {
    const { person, now } = this.#systems
    const { chance } = person
    const { id, type, topic } = this.#choose()
    const content_type = chance.happens(0.06) ? 'live' : type === 'h5' ? 'article' : type
    const progress = Math.min(1, Math.round(chance.around(0.66, 0.5) * 100) / 100)
    const duration_s = seconds(chance.around(45, 0.9))
    const slot = chance.pick(['home', 'oa', 'wecom'])
    this.#systems.mini('Content Viewed', at, { content_id: id, content_type, topic, duration_s, progress, slot })
    if (chance.happens(0.02))
      this.#systems.mini('Content Shared', at + duration_s * 1000, { content_id: id, to: chance.pick(['friend', 'moments']) })
    if (id === winterCare.course && at > now - 30 * day && chance.happens(0.12)) this.#join(at, 'winter_care_2026', 'course')
    else if (content_type === 'live' && chance.happens(0.15)) this.#join(at, `live_${dateOf(at).slice(0, 7)}`, 'live')
  }

  #choose(): Content {
    const { person, brand } = this.#systems
    const { chance, video } = person
    const winter = chance.happens(winterCare.share) && (chance.happens(courseShareOf(person)) ? winterCare.course : winterCare.article)
    const forms = chance.happens(video) ? ['video'] : ['article', 'h5']
    const contents = brand.contents.filter(({ id, type }) => (winter ? id === winter : id !== winterCare.article && forms.includes(type)))
    return chance.weighed(contents.map(one => [one, appeal(person, one)] as const))
  }

  #join(at: number, campaign_id: string, type: string): void {
    this.#systems.mini('Campaign Joined', at + 60_000, { campaign_id, type, source: 'content' })
  }

  readAboutDoctor(at: number): void {
    const { chance } = this.#systems.person
    const tab = chance.pick(['license', 'schedule', 'review'])
    const duration_s = seconds(chance.around(22, 0.8))
    this.#systems.mini('Doctor Profile Viewed', at, { doctor_id: this.#systems.doctor(), tab, duration_s })
  }

  /** The category that it was about. */
  consult(at: number): string {
    const { person } = this.#systems
    const { chance, friend, advisor } = person
    const category = categoryFor(person, viewed, 0.45)
    const props = { topic: chance.pick(['price', 'effect', 'schedule', 'recovery']), category, advisor_id: advisor }
    const isFriend = friend !== undefined && friend.addedAt <= at
    if (isFriend && chance.happens(0.7)) this.#systems.wecom('Consultation Started', at, props)
    else this.#systems.mini('Consultation Started', at, props)
    return category
  }

  takeCoupon(at: number): void {
    const { chance } = this.#systems.person
    const [coupon_id, value] = chance.pick(coupons)
    const batch_id = `${coupon_id}-${++this.#coupons}`
    const source = chance.pick(['public', 'activity'])
    this.#systems.mini('Coupon Received', at, { coupon_id, batch_id, value, expires_at: iso(at + 30 * day), source })
  }

  review(at: number): void {
    const { chance, archetype, store } = this.#systems.person
    const nps = chance.happens(0.12) ? chance.whole(2, 6) : chance.whole(7, 10)
    const about = archetype.key === 'doctor_first' ? 'doctor' : chance.weighed(subjects)
    this.#systems.mini('Review Submitted', at, { nps, rating: Math.max(1, Math.round(nps / 2)), about, store_id: store })
  }
}

const coupons = [
  ['K01', 100],
  ['K02', 300],
  ['K04', 200],
  ['K05', 0],
] as const

const subjects = [
  ['doctor', 0.4],
  ['service', 4],
  ['environment', 3],
  ['price', 2],
] as const

function seconds(value: number): number {
  return Math.max(1, Math.min(1800, Math.round(value)))
}
