import { expect, it } from 'vitest'
import { testStores } from '../../test/stores.ts'
import type { Json } from '../collect/event.ts'
import { facetKeysOf, facetsOf } from '../dictionary/facets.ts'
import { noMarks } from '../dictionary/marks.ts'
import { hiddenTrait } from '../dictionary/personal.ts'
import type { Win } from '../profiles/candidates.ts'
import { parseRule } from './parse.ts'
import type { Rule } from './schema.ts'
import { compiledVerdicts, contextOf } from './world.fixture.ts'

const { clickhouse } = await testStores()
const now = Date.parse('2026-12-10T10:00:00+08:00')
const world = { zone: 'Asia/Shanghai', events: [], traits: [], consents: [], roots: new Map(), sensitive: new Map() }
const context = { ...contextOf(world, now), marks: noMarks }
let position = 0

/** As the pipeline writes them. */
async function personal(leaf: number, key: string, value: string): Promise<void> {
  const facets = facetsOf(key, value)
  const hidden: [string, Json][] = [
    [key, hiddenTrait(key, value, context.blindIndex)],
    ...facetKeysOf(key).map(name => [name, facets[name] ?? null] as [string, Json]),
  ]
  position++
  for (const [name, one] of hidden) await write(leaf, name, one)
}

async function write(leaf: number, key: string, value: Json, source = 'test'): Promise<void> {
  const at = '2026-12-01 00:00:00.000'
  const row = { leaf, key, op: value === null ? 'unset' : 'set', value, ts: at, received_at: at, position, range: 1, source }
  await clickhouse.insert('traits', JSON.stringify(row))
}

async function meeting(rule: Rule, win: Win = 'latest'): Promise<number[]> {
  const verdicts = await compiledVerdicts(clickhouse, parseRule(rule), { ...context, winOf: () => win })
  return [...verdicts]
    .filter(([, one]) => one)
    .map(([profile]) => profile)
    .sort()
}

it('personal traits are compared by their hash, dates by their facets', async () => {
  await personal(1, 'phone', '19900001234')
  await personal(2, 'phone', '+86 199 0000 5678')
  await personal(1, 'birthday', '2008-12-10')
  await personal(2, 'birthday', '2008-12-11')
  await personal(3, 'birthday', '1994-12-17')
  expect(await meeting({ trait: 'phone', eq: '+8619900001234' })).toEqual([1])
  expect(await meeting({ trait: 'phone', in: ['19900005678', '19900009999'] })).toEqual([2])
  expect(await meeting({ trait: 'phone', exists: false })).toEqual([3])
  expect(await meeting({ trait: 'birthday', anniversaryWithin: '7d' })).toEqual([1, 2, 3])
  expect(await meeting({ trait: 'birthday', anniversaryWithin: '0d' })).toEqual([1])
  expect(await meeting({ trait: 'birthday', withinLast: '18y' })).toEqual([2])
})

it('where sources disagree, the trait is what its definition says', async () => {
  const said: [number, Json, string][] = [
    [11, 'first', 'shop'],
    [11, 'clinic', 'his'],
    [11, 'latest', 'other'],
    [12, 'clinic', 'his'],
    [12, null, 'his'],
    [12, 'shop', 'shop'],
    [12, 'later', 'third'],
  ]
  for (const [leaf, value, source] of said) {
    position++
    await write(leaf, 'city', value, source)
  }
  expect(await meeting({ trait: 'city', eq: 'latest' })).toEqual([11])
  expect(await meeting({ trait: 'city', eq: 'first' }, 'first')).toEqual([11])
  expect(await meeting({ trait: 'city', eq: 'clinic' }, ['his', 'shop'])).toEqual([11])
  expect(await meeting({ trait: 'city', eq: 'shop' }, ['his', 'shop'])).toEqual([12])
  expect(await meeting({ trait: 'city', eq: 'later' }, ['his'])).toEqual([12])
})
