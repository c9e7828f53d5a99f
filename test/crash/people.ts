import { type Chance, chanceFrom } from './chance.ts'

/** Somebody who acts in the test, by synthetic identifiers. */
export interface Person {
  userId: string
  phone: string
  email: string
  /** Browsers: what they do before somebody logs in belongs to nobody yet. */
  anonymousIds: readonly string[]
  deviceId: string
  /** A device that several people log in on. */
  tablet: string
}

const perTablet = 15

/** @param count at most 10,000, as there are so many synthetic phone numbers */
export function peopleFrom(seed: number, count: number): Person[] {
  const chance = chanceFrom(seed)
  return Array.from({ length: count }, (_, index) => ({
    userId: `u-${index}`,
    phone: `+86 199 0000 ${String(index).padStart(4, '0')}`,
    email: `Person.${index}@example.com`,
    anonymousIds: Array.from({ length: 3 }, () => uuid(chance)),
    deviceId: `device-${index}`,
    tablet: `tablet-${Math.floor(index / perTablet)}`,
  }))
}

export function uuid(chance: Chance): string {
  const digits = Array.from({ length: 32 }, () => chance.between(0, 15).toString(16)).join('')
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20)}`
}
