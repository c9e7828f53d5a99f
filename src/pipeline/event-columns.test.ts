import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import type { CanonicalEvent, Json, JsonObject } from '../collect/event.ts'
import { Draft } from './draft.ts'
import { eventColumns } from './event-columns.ts'

const { clickhouse } = await testStores()

function event(props: JsonObject, more: Partial<CanonicalEvent> = {}): CanonicalEvent {
  const identity = { identifiers: [{ namespace: 'user_id', value: 'u-1' }], traits: [], consents: [] }
  const times = { ts: 1_700_000_000_123, receivedAt: 1_700_000_000_456, historical: false }
  return { messageId: 'm-1', event: 'Viewed', ...times, source: 'shop', channel: 'web', props, context: {}, ...identity, ...more }
}

/** The rows as ClickHouse has them, by their places: from the blocks of a draft, and from JSON. */
async function bothWays(events: readonly CanonicalEvent[]): Promise<{ ours: object[]; json: object[] }> {
  await clickhouse.command('truncate table events')
  const draft = new Draft(0, { redact: one => one, look: () => undefined, listsIn: () => [] })
  for (const [place, one] of events.entries()) draft.add(place, one)
  const leaves = Uint32Array.from(events, (_, place) => place + 1)
  const blocks = draft.blocks({ leaves, identifiersAt: () => '["18446744073709551615","7"]' })
  await clickhouse.insertBlocks('events', eventColumns, blocks, 'leaf > 0')
  const ours = await rows()
  await clickhouse.command('truncate table events')
  const lines = events.map(({ messageId, receivedAt, source, channel, historical, event: name, ts, props, context }, position) =>
    JSON.stringify({
      ...{ leaf: position + 1, ts, received_at: receivedAt, position, range: 0, event: name, message_id: messageId, source, channel },
      ...{ historical, props, context, identifiers: ['18446744073709551615', '7'] },
    }),
  )
  await clickhouse.insert('events', lines.join('\n'))
  return { ours, json: await rows() }
}

const rows = () =>
  clickhouse.query<object>(
    `select * replace(toUnixTimestamp64Milli(ts) as ts), JSONAllPathsWithTypes(props) as types, JSONAllPathsWithTypes(context) as contextTypes
     from events order by position`,
  )

test('blocks of columns hold what the same events hold as JSON: values, types and paths', async () => {
  const { ours, json } = await bothWays([
    event({ id: 'A1', price: 3, ratio: 0.5, paid: true, on: '2026-10-01', at: '2026-10-01T08:00:00Z', gone: null, empty: {} }),
    event({}, { ts: -1, historical: true, channel: 'import' }),
    event({ price: 2.5, id: 7, nested: { deep: { a: 'x' }, n: -3 }, name: '无针补水护理 💧', long: '长'.repeat(500) }),
    event({ products: [{ sku: 'A', price: 1 }], tags: ['x', 'y'], price: 1e15 }, { context: { page: { path: '/p' } } }),
    event({ big: 2 ** 62, least: -(2 ** 62), zero: -0, '': 'nameless', text: 'a"b\\c\n\u0000' }),
    event({ price: 'on request' }, { context: { screen: { width: 390, density: 2.5 }, list: [1, 2.5] } }),
  ])
  expect(ours).toEqual(json)
  expect(ours).toHaveLength(6)
  expect(ours[0]).toMatchObject({ leaf: 1, message_id: 'm-1', identifiers: ['18446744073709551615', 7] })
})

test('an event that invents hundreds of names is stored as every other', async () => {
  const invented = (from: number) => Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`p${from + n}`, n]))
  const { ours, json } = await bothWays([
    event(invented(0)),
    event(invented(150)),
    event(invented(300)),
    event(invented(0)),
    event({ p1: 'x' }),
  ])
  expect(ours.map(row => ({ ...row, types: undefined }))).toEqual(json.map(row => ({ ...row, types: undefined })))
})

test('any representable object', async () => {
  const scalar = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.integer(),
    fc.double({ noNaN: true, min: -1e15, max: 1e15 }),
  )
  const key = fc.stringMatching(/^[a-z_]{1,4}$/)
  const { value } = fc.letrec<{ value: Json }>(tie => ({
    value: fc.oneof({ weight: 4, arbitrary: scalar }, { weight: 2, arbitrary: fc.dictionary(key, tie('value'), { maxKeys: 4 }) }),
  }))
  const lists = fc.oneof(fc.array(fc.string({ unit: 'grapheme', maxLength: 5 })), fc.array(fc.integer()))
  const object = fc.dictionary(key, fc.oneof({ weight: 9, arbitrary: value }, { weight: 1, arbitrary: lists }), { maxKeys: 6 })
  const plain = object.map(one => JSON.parse(JSON.stringify(one)) as JsonObject)
  const events = fc.sample(fc.tuple(plain, plain), { numRuns: 500, seed: 7 }).map(([props, context]) => event(props, { context }))
  const { ours, json } = await bothWays(events)
  expect(ours).toEqual(json)
})

test('rows of leaf 0 are not stored', async () => {
  await clickhouse.command('truncate table events')
  const draft = new Draft(100, { redact: one => one, look: () => undefined, listsIn: () => [] })
  for (const place of [0, 2, 3]) draft.add(place, event({ place }))
  const blocks = draft.blocks({ leaves: Uint32Array.of(5, 9, 0, 6), identifiersAt: place => `["${place + 1}"]` })
  await clickhouse.insertBlocks('events', eventColumns, blocks, 'leaf > 0')
  expect(
    await clickhouse.query('select leaf, position, range, identifiers, props.place.:Int64 as place from events order by position'),
  ).toEqual([
    { leaf: 5, position: 100, range: 100, identifiers: [1], place: 0 },
    { leaf: 6, position: 103, range: 100, identifiers: [4], place: 3 },
  ])
})
