import { describe, expect, it } from 'vitest'
import { Refusal } from '../refusal.ts'
import { parseRule } from './parse.ts'
import { ruleJsonSchema } from './schema.ts'

function faultsOf(json: unknown) {
  try {
    parseRule(json)
    return []
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return error.details.map(({ path }) => path)
  }
}

describe('a refused rule', () => {
  it.each([
    [{ event: 'A', count: { gte: 'x' } }, ['count.gte']],
    [{ all: [{ event: 'A' }, { any: [{ trait: 'x', wie: 1 }] }] }, ['all[1].any[0]', 'all[1].any[0]']],
    [{ not: { event: 'A', within: '7 days' } }, ['not.within']],
    [{ event: 'A', where: [{ prop: 'p', gte: '3' }] }, ['where[0].gte']],
    [{ event: 'A', where: [{ prop: 'p' }] }, ['where[0]']],
    [{ event: 'A', within: { ago: ['1d', '2d'] } }, ['within.ago']],
    [{ event: 'A', count: { gte: 1 }, days: { gte: 1 } }, ['']],
    [{ atLeast: 3, of: [{ consent: 'a' }] }, ['atLeast']],
    [{ trait: 'birthday', anniversaryWithin: '3h' }, ['anniversaryWithin']],
    [{ trait: 'd', before: '2026-02-30' }, ['before']],
    [{ all: [] }, ['all']],
    [{ sequence: [{ event: 'A', within: '1h' }, { event: 'B' }] }, ['sequence[0].within']],
  ])('%j tells where the fault is', (rule, paths) => {
    expect(faultsOf(rule)).toEqual(paths)
  })
  it('may be too deep, too long, too large', () => {
    const deep = Array.from({ length: 80 }).reduce<unknown>(inner => ({ not: inner }), { event: 'A' })
    expect(faultsOf(deep)).toEqual([''])
    expect(faultsOf({ not: { not: { event: 'A' } } })).toEqual([])
    expect(faultsOf(Array.from({ length: 20 }).reduce<unknown>(inner => ({ not: inner }), { event: 'A' }))).toEqual([''])
    expect(faultsOf({ any: Array.from({ length: 201 }, () => ({ event: 'A' })) })).toEqual(['any'])
    expect(faultsOf({ trait: 'x', in: Array.from({ length: 900 }, (_, index) => `${index}`.repeat(40)) })).toEqual([''])
  })
})

it('the language is a JSON Schema', () => {
  expect(JSON.stringify(ruleJsonSchema())).toContain('"anniversaryWithin"')
})
