import type { Content, Product } from './brand.ts'
import type { Person } from './person.ts'

/**
 * What people look at, buy and read. The clinic's specification gives rates per day but not of what: these shares are chosen so that
 * its counts of tags and audiences come out.
 */
type Weights = readonly (readonly [string, number])[]

/** The category that somebody comes for. */
export const interests: Weights = [
  ['photo', 0.28],
  ['hydration', 0.26],
  ['cleaning', 0.12],
  ['anti_aging', 0.1],
  ['acne', 0.07],
  ['hair_removal', 0.07],
  ['goods', 0.1],
]

export const viewed: Weights = [
  ['photo', 0.28],
  ['hydration', 0.23],
  ['cleaning', 0.14],
  ['anti_aging', 0.12],
  ['acne', 0.08],
  ['hair_removal', 0.07],
  ['goods', 0.08],
]

export const bought: Weights = [
  ['hydration', 0.36],
  ['photo', 0.16],
  ['cleaning', 0.19],
  ['anti_aging', 0.07],
  ['acne', 0.06],
  ['hair_removal', 0.05],
  ['goods', 0.11],
]

export const treatments: Weights = [
  ['hydration', 0.34],
  ['photo', 0.36],
  ['cleaning', 0.14],
  ['anti_aging', 0.06],
  ['acne', 0.05],
  ['hair_removal', 0.05],
]

/** @param own how often it is the category that they come for */
export function categoryFor({ chance, interest }: Person, others: Weights, own: number): string {
  return chance.happens(own) ? interest : chance.weighed(others)
}

/** How much a content draws somebody. */
export function appeal({ archetype }: Person, { topic }: Content): number {
  const isOffer = topic === 'price' || topic === 'promotion'
  if (archetype.key === 'bargain' && isOffer) return 3
  if (archetype.key === 'doctor_first' && topic === 'license') return 3
  if (isOffer) return 0.5
  return topic === 'license' ? 0.3 : 1
}

/** The winter course and the article that says the same. */
export const winterCare = { course: 'C01', article: 'C02A', share: 0.12 } as const

/**
 * How often it is the course, of those who take to one of the two. The truth that a test of both can find: people of dry skin watch the course 1.9
 * times as often as they read the article, to others it is the same.
 */
export function courseShareOf({ skin }: Person): number {
  return skin?.type === 'dry' ? 1.9 / 2.9 : 0.5
}

/** Some hardly ever read, some hardly ever watch, most do both. */
export function videoShareOf(at: number): number {
  return at < 0.35 ? 0.9 : at < 0.49 ? 0.12 : 0.54
}

/** The product of a category whose price is nearest. */
export function nearest(products: readonly Product[], category: string, total: number): Product {
  const same = products.filter(one => one.category === category)
  return same.reduce((best, one) => (Math.abs(one.price - total) < Math.abs(best.price - total) ? one : best))
}
