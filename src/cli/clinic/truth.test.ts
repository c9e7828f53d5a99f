import { expect, test } from 'vitest'
import { type Brand, readBrand } from './brand.ts'
import { dateOf, day } from './clock.ts'
import { Life } from './life.ts'
import { type Person, personOf } from './person.ts'
import { standardPopulation } from './population.ts'
import type { Fields } from './rows.ts'

/** What the generator knows and the product is to find, counted from what the people did. */
const { now, days } = standardPopulation
const brand = readBrand()

interface Lived {
  person: Person
  /** In the order of time. */
  acts: { at: number; what: string; fields: Fields }[]
}

function livedBy(count: number, brand: Brand): Lived[] {
  return Array.from({ length: count }, (_, index) => {
    const person = personOf(index, true, brand, standardPopulation)
    const acts: Lived['acts'] = []
    const life = new Life(person, brand, now, (file, at, fields) =>
      acts.push({ at, what: String(fields.event ?? fields.类型 ?? file), fields }),
    )
    for (let night = 0; night < days; night++) life.live(now - (days - night) * day)
    return { person, acts: acts.sort((a, b) => a.at - b.at) }
  })
}

const people = livedBy(4_000, brand)

function share<T>(of: readonly T[], has: (one: T) => unknown): number {
  return of.filter(has).length / of.length
}

test('archetypes, skins, consents and friends have their shares', () => {
  const persons = people.map(({ person }) => person)
  const archetypes = brand.archetypes.map(({ key }) => share(persons, one => one.archetype.key === key))
  for (const [index, { share: should }] of brand.archetypes.entries()) expect(archetypes[index]).toBeCloseTo(should, 2)
  const tested = persons.filter(({ skin }) => skin)
  const skins = { dry: 0.34, oily: 0.22, combination: 0.27, sensitive: 0.12, neutral: 0.05 }
  for (const [type, should] of Object.entries(skins)) expect(share(tested, one => one.skin?.type === type)).toBeCloseTo(should, 1)
  expect(share(persons, one => one.skin)).toBeCloseTo(0.38, 2)
  expect(share(tested, one => one.consents.medical)).toBeCloseTo(0.62, 1)
  expect(share(persons, one => one.consents.marketing)).toBeCloseTo(0.81, 2)
  expect(share(persons, one => one.consents.personalized)).toBeCloseTo(0.88, 2)
  expect(share(persons, one => one.friend)).toBeCloseTo(0.66, 2)
  expect(share(persons, one => one.followsAt)).toBeCloseTo(0.45, 2)
})

test('dry skin takes to the video course 1.9 times as often as to the article, other skin to both alike', () => {
  const courseToArticle = (some: readonly Lived[]) => {
    const viewed = (id: string) =>
      some.flatMap(({ acts }) => acts.filter(({ what, fields }) => what === 'Content Viewed' && fields.content_id === id)).length
    return viewed('C01') / viewed('C02A')
  }
  const isDry = ({ person }: Lived) => person.skin?.type === 'dry'
  expect(Math.abs(courseToArticle(people.filter(isDry)) - 1.9)).toBeLessThan(0.3)
  expect(Math.abs(courseToArticle(people.filter(one => !isDry(one))) - 1)).toBeLessThan(0.1)
})

test('an advisor’s word within a day of a look doubles the bookings of those who consider, after three days it does nothing', () => {
  const considering = livedBy(6_000, { ...brand, archetypes: brand.archetypes.filter(({ key }) => key === 'considering') })
  // Only looks with none near them, or what they lead to would count here, too.
  const looks = considering.flatMap(({ person: { friend, phone }, acts }) => {
    if (!friend || !phone) return []
    const [viewed, contacted, booked] = ['Product Viewed', 'Advisor Contacted', '预约'].map(what =>
      acts.filter(one => one.what === what).map(({ at }) => at),
    ) as [number[], number[], number[]]
    return viewed.flatMap((at, index) => {
      const isAlone = at - 3 * day > (viewed[index - 1] ?? 0) && at + 3 * day < (viewed[index + 1] ?? now)
      // New friends book as new friends do.
      const isFriend = at > friend.addedAt + 14 * day && at + 4 * day < (friend.removedAt ?? now)
      if (!isAlone || !isFriend) return []
      const afterDays = ((contacted.find(contact => contact > at) ?? Number.POSITIVE_INFINITY) - at) / day
      return [{ afterDays, isBooked: booked.some(booking => booking > at && booking <= at + 3 * day) }]
    })
  })
  const bookedWhere = (has: (afterDays: number) => boolean) =>
    share(
      looks.filter(({ afterDays }) => has(afterDays)),
      one => one.isBooked,
    )
  const alone = bookedWhere(after => after > 4)
  expect(Math.abs(bookedWhere(after => after <= 1) / alone - 2)).toBeLessThan(0.4)
  expect(Math.abs(bookedWhere(after => after > 3 && after <= 4) / alone - 1)).toBeLessThan(0.4)
})

test('the rule for who is likely to return is right in six of ten cases, and who they are says more', () => {
  const then = now - 90 * day
  const known = people.map(({ person, acts }) => {
    const before = acts.filter(({ at }) => at <= then)
    const lately = (withinDays: number, ...names: string[]) =>
      before.filter(({ what, at }) => names.includes(what) && at > then - withinDays * day)
    const orderDays = new Set(lately(365, '成交').map(({ at }) => dateOf(at)))
    const nps = before.findLast(({ what }) => what === 'Review Submitted')?.fields.nps
    const isHappy = lately(180, '退款').length === 0 && !(Number(nps) < 7)
    const isOver = person.silentAt < now || person.archetype.max_orders !== undefined
    return {
      isLikely: orderDays.size >= 2 && lately(90, '成交', 'his-treatments').length > 0 && isHappy,
      rate: isOver || orderDays.size === 0 ? 0 : person.archetype.orders,
      returns: acts.some(({ what, at }) => what === '成交' && at > then),
    }
  })
  const likely = known.filter(one => one.isLikely)
  const byTruth = known.toSorted((a, b) => b.rate - a.rate).slice(0, likely.length)
  const precision = share(likely, one => one.returns)
  expect(Math.abs(precision - 0.6)).toBeLessThan(0.06)
  expect(share(byTruth, one => one.returns)).toBeGreaterThan(precision)
})

test('of new friends 22% book within two weeks; of those who first join something a tenth orders in the month after', () => {
  const leads = people.filter(({ person }) => person.friend && person.friend.addedAt < now - 14 * day)
  const booked = share(leads, ({ person, acts }) => {
    const from = person.friend?.addedAt ?? 0
    return acts.some(({ what, at }) => what === '预约' && at > from && at <= from + 14 * day)
  })
  expect(Math.abs(booked - 0.22)).toBeLessThan(0.03)

  const monthOf = (at: number) => Number(dateOf(at).slice(0, 4)) * 12 + Number(dateOf(at).slice(5, 7))
  const joined = people.flatMap(({ acts }) => {
    const first = acts.find(({ what }) => what === 'Campaign Joined')
    return first && monthOf(first.at) < monthOf(now) - 1 ? [{ acts, month: monthOf(first.at) }] : []
  })
  const ordered = share(joined, ({ acts, month }) => acts.some(({ what, at }) => what === '成交' && monthOf(at) === month + 1))
  expect(Math.abs(ordered - 0.1)).toBeLessThan(0.04)
})
