import type { Archetype, Brand } from './brand.ts'
import { type Chance, chanceOf, dealt, weighed } from './chance.ts'
import { day } from './clock.ts'
import { interests, videoShareOf } from './tastes.ts'

/** Who somebody is, before anything happens. Moments in ms. */
export interface Person {
  index: number
  chance: Chance
  archetype: Archetype
  /** Holds an account, so is more than an openid. */
  isRecognised: boolean
  joinsAt: number
  /** From then on the mini program knows who it is. */
  registersAt: number
  /** Nothing is heard from then on. */
  silentAt: number
  userId: string
  unionid: string
  openid: string
  phone: string | undefined
  name: string
  gender: 'female' | 'male'
  birthday: string
  city: string
  firstSource: string
  store: string
  advisor: string
  consents: { marketing: boolean; personalized: boolean; medical: boolean }
  skin: { testedAt: number; type: string; sensitivity: number } | undefined
  friend: { addedAt: number; removedAt: number | undefined } | undefined
  followsAt: number | undefined
  firstOrderAt: number | undefined
  /** Of those who were lost. */
  returnsAt: number | undefined
  contraindication: string | undefined
  complaint: { openedAt: number; closedAt: number | undefined } | undefined
  courseLeft: number
  /** The category that they come for. */
  interest: string
  /** How much of what they read is video. */
  video: number
}

/** What is dealt to each, by the place in the deal. */
const deal = {
  archetype: 0,
  joins: 1,
  birthday: 2,
  year: 3,
  store: 4,
  marketing: 5,
  personalized: 6,
  tested: 7,
  testedAt: 8,
  medical: 9,
  skin: 10,
  friend: 11,
  removed: 12,
  follows: 13,
  returns: 14,
  complaint: 15,
  contraindication: 16,
  course: 17,
  interest: 18,
  video: 19,
} as const

export interface Setting {
  seed: number
  /** The end of the story, ms. */
  now: number
  /** How long it is. */
  days: number
}

export function personOf(index: number, isRecognised: boolean, brand: Brand, { seed, now, days }: Setting): Person {
  const chance = chanceOf(seed, index, isRecognised ? 1 : 2)
  const of = (attribute: keyof typeof deal) => dealt(seed + (isRecognised ? 0 : 1_000_000), index, deal[attribute])
  const within = (share: number, attribute: keyof typeof deal) => of(attribute) < share
  const archetype = archetypeOf(brand.archetypes, isRecognised, of('archetype'))
  const isBuyer = archetype.order_value > 0
  const start = now - days * day
  const joinsAt = start + of('joins') * (archetype.stops_before ? 200 : days) * day
  const upTo = (at: number) => Math.min(at, now - 3_600_000)
  const registersAt = upTo(joinsAt + (chance.happens(0.7) ? chance.draw() * 3_600_000 : chance.draw() * 5 * day))
  const between = (from: number, at: number) => from + at * (now - from)
  const isTested = isRecognised && within(0.38, 'tested')
  const addedAt = between(registersAt, chance.draw())
  const complains = isBuyer ? of('complaint') : 1
  const isMinor = of('year') < 0.0047
  const store = weighed(
    brand.stores.map(one => [one, 1] as const),
    of('store'),
  )
  return {
    index,
    chance,
    archetype,
    isRecognised,
    joinsAt,
    registersAt: isRecognised ? registersAt : Number.POSITIVE_INFINITY,
    silentAt: archetype.stops_before ? now - (archetype.stops_before - 20 + chance.draw() * 40) * day : Number.POSITIVE_INFINITY,
    userId: `U${String(100_000 + index)}`,
    unionid: `union-demo-${String(index).padStart(5, '0')}`,
    openid: `${isRecognised ? 'o' : 'x'}-demo-${String(index).padStart(5, '0')}`,
    phone: isBuyer || isTested || chance.happens(0.75) ? phoneOf(index) : undefined,
    name: `演示${String(index).padStart(5, '0')}`,
    gender: chance.happens(0.92) ? 'female' : 'male',
    birthday: birthdayOf(of('birthday'), isMinor ? 2010 + chance.whole(0, 2) : 1962 + Math.floor(of('year') * 44)),
    city: store.startsWith('SH') ? '上海' : store.startsWith('HZ') ? '杭州' : '苏州',
    firstSource: chance.pick(['douyin', 'meituan', 'xiaohongshu', 'referral', 'walk_in', 'oa', 'other']),
    store,
    advisor: chance.pick(brand.advisors.get(store) ?? ['A01']),
    consents: { marketing: within(0.81, 'marketing'), personalized: within(0.88, 'personalized'), medical: within(0.62, 'medical') },
    skin: isTested
      ? {
          testedAt: between(registersAt, of('testedAt')),
          type: weighed(skinTypes, of('skin')),
          sensitivity: sensitivityOf(chance, of('skin')),
        }
      : undefined,
    friend:
      isRecognised && within(0.66, 'friend')
        ? { addedAt, removedAt: within(0.09, 'removed') ? between(addedAt, chance.draw()) : undefined }
        : undefined,
    followsAt: isRecognised && within(0.45, 'follows') ? between(registersAt, chance.draw()) : undefined,
    firstOrderAt: isBuyer ? firstOrderOf(archetype, registersAt, now, chance) : undefined,
    returnsAt: within(archetype.returns ?? 0, 'returns') ? now - chance.draw() * 59 * day : undefined,
    contraindication: isBuyer && within(0.035, 'contraindication') ? chance.pick(['孕期', '用药中', '过敏史']) : undefined,
    complaint: complaintOf(complains, now, chance),
    courseLeft: isBuyer && within(0.35, 'course') ? chance.whole(1, 3) : 0,
    interest: weighed(interests, of('interest')),
    video: videoShareOf(of('video')),
  }
}

/** Those who were never recognised look around, some of them more seriously. */
function archetypeOf(archetypes: readonly Archetype[], isRecognised: boolean, at: number): Archetype {
  if (isRecognised)
    return weighed(
      archetypes.map(one => [one, one.share] as const),
      at,
    )
  const [looker, considering] = archetypes.filter(({ orders, order_value }) => orders + order_value === 0)
  return (at < 0.85 ? looker : considering) as Archetype
}

const skinTypes = [
  ['dry', 0.34],
  ['oily', 0.22],
  ['combination', 0.27],
  ['sensitive', 0.12],
  ['neutral', 0.05],
] as const

function sensitivityOf(chance: Chance, at: number): number {
  return weighed(skinTypes, at) === 'sensitive' ? chance.whole(1, 3) : chance.happens(0.01) ? 2 : chance.whole(0, 1)
}

/** The one order of who orders once comes within 60 days, the first of the others soon. */
function firstOrderOf({ max_orders }: Archetype, from: number, now: number, chance: Chance): number {
  const latest = Math.min(now, from + (max_orders === 1 ? 60 : 10) * day)
  return from + chance.draw() * (latest - from)
}

/** Of a hundred who ever paid, two have a complaint open and three had one. */
function complaintOf(at: number, now: number, chance: Chance): Person['complaint'] {
  if (at < 0.0208) return { openedAt: now - chance.draw() * 20 * day, closedAt: undefined }
  if (at >= 0.05) return undefined
  const openedAt = now - (30 + chance.draw() * 300) * day
  return { openedAt, closedAt: openedAt + (3 + chance.draw() * 20) * day }
}

/** 199 0000 0000 and on. */
function phoneOf(index: number): string {
  return `1990${String(index * 7 + 3).padStart(7, '0')}`
}

function birthdayOf(at: number, year: number): string {
  const date = new Date(Date.UTC(year, 0, 1 + Math.floor(at * 365)))
  return date.toISOString().slice(0, 10)
}
