import { describe, expect, it } from 'vitest'
import type { Entry } from '../dictionary/entries.ts'
import { noMarks } from '../dictionary/marks.ts'
import type { ObservedPathRow } from '../dictionary/observed.ts'
import { check, type Observed } from './check.ts'
import { parseRule } from './parse.ts'

const at = '2026-10-01T00:00:00.000Z'
const row = (path: string, types: ObservedPathRow['types']): ObservedPathRow => ({
  path,
  types,
  count: 1,
  examples: [],
  firstSeen: at,
  lastSeen: at,
})
const observed: Observed = {
  events: new Set(['Viewed']),
  properties: new Map([['Viewed', [row('price', { number: 3 })]]]),
  traits: new Map([
    ['points', row('points', { number: 2, null: 1 })],
    ['mixed', row('mixed', { number: 2, text: 1 })],
    ['agreed', row('agreed', { text: 1 })],
  ]),
}
const said = (kind: Entry['kind'], name: string, document: Entry['document'], event?: string): Entry => ({
  kind,
  name,
  document,
  version: 1,
  updatedAt: at,
  ...(event && { event }),
})
const entries = [
  said('trait', 'points', { type: 'string' }),
  said('trait', 'mixed', { type: 'number' }),
  said('trait', 'planned', { type: 'boolean' }),
  said('trait', 'agreed', { mirror: { consent: 'marketing' } }),
  said('property', 'price', { type: 'string' }),
  said('property', 'price', { type: 'number' }, 'Viewed'),
  said('property', 'planned', { type: 'string' }),
]
const warned = (rule: unknown) => check(parseRule(rule), observed, noMarks, entries).map(({ message }) => message)
const refused = (rule: unknown) => {
  try {
    warned(rule)
  } catch (error) {
    return (error as { details: { path: string }[] }).details.map(({ path }) => path)
  }
  return []
}

describe('a comparison with a type that a trait does not hold', () => {
  it('is refused by the type that was seen, where one was', () => {
    expect(refused({ trait: 'points', eq: '3' })).toEqual(['eq'])
    expect(refused({ trait: 'points', gte: 3 })).toEqual([])
  })
  it('is refused by the declared type where what was seen does not decide, or nothing was seen', () => {
    expect(refused({ all: [{ trait: 'mixed', contains: 'a' }] })).toEqual(['all[0].contains'])
    expect(refused({ trait: 'mixed', gt: 1 })).toEqual([])
    expect(refused({ trait: 'planned', eq: 1 })).toEqual(['eq'])
  })
  it('is refused for the state of a consent, whatever was sent under that key', () => {
    expect(refused({ trait: 'agreed', eq: 'yes' })).toEqual(['eq'])
    expect(refused({ trait: 'agreed', ne: true })).toEqual([])
  })
})

describe('what may be a slip is told', () => {
  it('names that nobody saw and nobody planned', () => {
    expect(warned({ trait: 'nobody', eq: 1 })).toEqual([expect.stringContaining('never seen')])
    expect(warned({ trait: 'planned', eq: true })).toEqual([])
    expect(warned({ event: 'Viewed', where: [{ prop: 'planned', eq: 'a' }, { any: [{ prop: 'slip', eq: 1 }] }] })).toEqual([
      'never seen on this event, so missing: slip',
    ])
  })
  it('comparisons with a property that is meant to hold another type, the event’s own declaration first', () => {
    expect(warned({ event: 'Viewed', where: [{ prop: 'price', gte: 3 }] })).toEqual([])
    expect(warned({ event: 'Viewed', where: [{ not: { prop: 'price', contains: '3' } }] })).toEqual([
      'price is declared to hold number, which contains with text never matches',
    ])
  })
})
