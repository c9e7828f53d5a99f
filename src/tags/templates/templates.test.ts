import { describe, expect, test } from 'vitest'
import { testStores } from '../../../test/stores.ts'
import type { Json, JsonObject } from '../../collect/event.ts'
import type { Definition } from '../../definitions/definition.ts'
import { DefinitionSet } from '../../definitions/set.ts'
import { validate } from '../../definitions/validate.ts'
import { assess } from '../../pipeline/evaluation/assess.ts'
import { runnerFor } from '../../pipeline/evaluation/runner.ts'
import { Refusal } from '../../refusal.ts'
import type { NaiveWorld } from '../../rules/naive.fixture.ts'
import { contextOf, store } from '../../rules/world.fixture.ts'
import { tagType } from '../type.ts'
import { defaultsOf, filled } from './filled.ts'
import { templates } from './index.ts'
import { type Preset, presets } from './template.ts'

const { clickhouse } = await testStores()
const day = 86_400_000
const now = Date.parse('2026-11-27T12:00:00+08:00')
const nothingSeen = { events: new Set<string>(), properties: new Map(), traits: new Map() }

function definitionsOf(preset: Preset): Definition[] {
  const documents = templates.flatMap(template => {
    const defaults = defaultsOf(template, preset)
    return defaults ? filled(template, defaults) : []
  })
  return documents.map(({ key, ...document }, index) => ({
    id: index + 1,
    kind: 'tag',
    key,
    version: 1,
    document,
    run: undefined,
    ranAt: undefined,
    nextRunAt: undefined,
    createdAt: 0,
    updatedAt: 0,
    updatedBy: '',
  }))
}

let position = 0
/** What somebody did, days ago. */
const did = (leaf: number, event: string, daysAgo: number, props: JsonObject = {}) => ({
  leaf,
  event,
  ts: now - daysAgo * day,
  position: ++position,
  props,
  context: {},
})
const worldOf = (events: NaiveWorld['events'], traits: [number, string, Json][] = []): NaiveWorld => ({
  zone: 'Asia/Shanghai',
  events,
  traits: traits.map(([leaf, key, value]) => ({ leaf, key, value, ts: now - day, position: ++position })),
  consents: [],
  roots: new Map(),
  sensitive: new Map(),
})

/** The tags of every person by key, after a run of those with a schedule. */
async function tagsIn(world: NaiveWorld, preset: Preset): Promise<Record<number, Record<string, Json>>> {
  await store(clickhouse, world)
  await clickhouse.command('truncate table assignments')
  const types = [tagType as never]
  const drafts = definitionsOf(preset)
  const context = contextOf(world, now)
  const ran = await Promise.all(
    drafts.map(async one => ({ ...one, run: await tagType.prepare?.(one as never, runnerFor(clickhouse, context)) })),
  )
  const set = new DefinitionSet(types, ran)
  for (const one of ran) expect(validate(one, set, context, nothingSeen, [])).toBeInstanceOf(Array)
  const people = [...new Set(world.events.map(({ leaf }) => leaf))]
  const inContext = { ...context, derived: set.derived }
  const scheduled = ran.filter(one => set.refreshOf(one) !== 'live')
  const asked = await assess(clickhouse, set, scheduled, inContext, { leaves: people, merged: [] })
  const rows = [...asked].flatMap(([leaf, { values }]) =>
    [...values].map(([definition, { value, score }]) => ({ definition, leaf, value: JSON.stringify(value), score, ts: now, tick: 1 })),
  )
  if (rows.length > 0) await clickhouse.insert('assignments', rows.map(row => JSON.stringify(row)).join('\n'))
  const live = await assess(clickhouse, set, set.live, inContext, { leaves: people, merged: [] })
  return Object.fromEntries(
    people.map(person => {
      const values = [...(asked.get(person)?.values ?? []), ...(live.get(person)?.values ?? [])]
      return [person, Object.fromEntries(values.map(([id, { value }]) => [ran[id - 1]?.key ?? '', value]))]
    }),
  )
}

describe.each(presets)('the templates with the events of %s', preset => {
  test('every template that it has is defined by its defaults, each tag once', () => {
    const keys = definitionsOf(preset).map(({ key }) => key)
    expect(keys.length).toBeGreaterThan(15)
    expect(new Set(keys).size).toBe(keys.length)
  })
})

test('a shop: what its customers did gives them their tags', async () => {
  const order = (leaf: number, daysAgo: number, total: number, category: string, more: JsonObject = {}) =>
    did(leaf, 'Order Completed', daysAgo, { total, products: [{ category, brand: 'north' }], ...more })
  const tags = await tagsIn(
    worldOf(
      [
        ...[300, 200, 10].map(days => order(1, days, 3000, 'shoes')),
        ...Array.from({ length: 5 }, (_, index) => did(1, 'Product Viewed', index, { category: 'default', brand: 'north' })),
        ...[2, 3, 4].map(days => did(1, 'Content Viewed', days, { topic: 'running', content_type: 'video', progress: 0.9 })),
        ...[2, 3].map(days => did(1, 'Content Viewed', days, { topic: 'price', content_type: 'video', progress: 0.5 })),
        ...[40, 100].flatMap(days => [order(2, days, 60, 'hats', { discount_rate: 0.3 }), did(2, 'Coupon Applied', days)]),
        did(3, 'Page Viewed', 1),
        ...[400, 20].map(days => order(4, days, 100, 'hats')),
        ...[5, 6, 7].flatMap(leaf => [order(leaf, 300 + leaf, 10 * leaf, 'hats')]),
      ],
      [[1, 'birthday', '1990-12-01']],
    ),
    'commerce',
  )
  expect(tags[1]).toMatchObject({
    lifecycle: 'active',
    spend_level: 'S',
    recency: '0-30',
    rfm_recency: 5,
    rfm_frequency: 5,
    rfm_monetary: 5,
    rfm_segment: 'champion',
    category_preference: ['default', 'shoes'],
    brand_preference: 'north',
    content_topic: ['running'],
    content_form: 'video',
    daypart_preference: 'afternoon',
    discount_affinity: 'none',
    intent_default: 'medium',
    likely_return: true,
  })
  expect(tags[2]).toMatchObject({
    lifecycle: 'active',
    spend_level: 'C',
    discount_affinity: 'high',
    price_sensitive: true,
    recency: '30-90',
  })
  expect(tags[3]).toEqual({ lifecycle: 'prospect' })
  expect(tags[4]).toMatchObject({ lifecycle: 'won_back' })
  expect(tags[7]).toMatchObject({ lifecycle: 'dormant', rfm_recency: 1, rfm_segment: 'rescue' })
})

test('the clinic: needs and intents come out of what its guests did', async () => {
  const tags = await tagsIn(
    worldOf(
      [
        ...[10, 40, 70].map(days => did(1, 'Treatment Performed', days, { category: 'hydration' })),
        ...[10, 40, 70].map(days => did(2, 'Treatment Performed', days, { category: 'hydration' })),
        did(3, 'Consultation Started', 1, { category: 'photo' }),
        ...['D01', 'D02', 'D03'].map(doctor_id => did(3, 'Doctor Profile Viewed', 5, { doctor_id, duration_s: 20 })),
        did(4, 'Product Viewed', 2, { category: 'photo', duration_s: 3 }),
        did(4, 'Product Viewed', 3, { category: 'acne', duration_s: 30 }),
      ],
      [[1, 'consent_medical', true]],
    ),
    'clinic',
  )
  expect(tags[1]).toEqual({ lifecycle: 'prospect', frequent_skincare: true })
  expect(tags[2]).toEqual({ lifecycle: 'prospect' })
  expect(tags[3]).toEqual({ lifecycle: 'prospect', intent_photo: 'strong', values_doctor: true })
  expect(tags[4]).toEqual({ lifecycle: 'prospect', intent_acne: 'light' })
})

test('a parameter that is unknown, missing or of another type is refused by its name', () => {
  const [lifecycle] = templates
  if (!lifecycle) throw new Error('there are templates')
  const defaults = defaultsOf(lifecycle, 'commerce') ?? {}
  const fault = (parameters: Parameters<typeof filled>[1]) => {
    try {
      return filled(lifecycle, parameters).length
    } catch (error) {
      return error instanceof Refusal ? error.details.map(({ path }) => path) : error
    }
  }
  expect(fault(defaults)).toBe(1)
  expect(fault({ ...defaults, orders: 'Paid' })).toEqual(['orders'])
  expect(fault({ ...defaults, order: 3 })).toEqual(['order'])
  expect(fault({ ...defaults, new: 'soon' })).toEqual([expect.stringMatching(/^lifecycle\.values/)])
})
