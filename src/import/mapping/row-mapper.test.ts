import { expect, test } from 'vitest'
import type { CanonicalEvent } from '../../collect/event.ts'
import { csvScan } from '../readers/csv.ts'
import { ndjsonScan } from '../readers/ndjson.ts'
import { type MappingDocument, readMapping } from './mapping.ts'
import { leftOut, rowMapper } from './row-mapper.ts'
import { amountFrom, numberFrom } from './values.ts'

const setting = { source: 'crm', zone: 'Asia/Shanghai', receivedAt: Date.UTC(2026, 9, 1), messagePrefix: 'import/1/' }

function map(document: object, header: string[], ...lines: string[]) {
  const block = csvScan({ delimiter: ',' }, header)(Buffer.from(lines.map(line => `${line}\n`).join('')), true, { offset: 0, line: 2 })
  const mapper = rowMapper(readMapping(document), header, setting)
  return lines.map((_, row) => mapper(block, row))
}

const visit = { kind: 'events', event: 'Visited', identifiers: { id: 'member_id' }, time: { column: 'at' } }
const header = ['id', 'at', 'x']
const propsOf = (mapped: unknown) => (mapped as CanonicalEvent).props

test.each([
  ['number', {}, '1,234.5', 1234.5],
  ['number', { decimal: ',' }, '1.234,5', 1234.5],
  ['number', {}, '-3', -3],
  ['boolean', {}, '是', true],
  ['boolean', {}, 'N', false],
  ['date', {}, '1990/1/2', '1990-01-02'],
  ['date', { format: 'DD.MM.YYYY' }, '02.01.1990', '1990-01-02'],
  ['datetime', {}, '2024-03-01 08:00', '2024-03-01T00:00:00.000Z'],
  ['datetime', { zone: 'UTC' }, '2024-03-01 08:00', '2024-03-01T08:00:00.000Z'],
  ['json', {}, '{"a.b":[1]}', { 'a%2Eb': [1] }],
  ['string', {}, ' 0012 ', '0012'],
  ['string', { values: { F: 'female' } }, 'F', 'female'],
])('a cell of type %s %o: %s is %o', (type, options, cell, expected) => {
  const [mapped] = map({ ...visit, props: { x: { key: 'x', type, ...options } } }, header, `M1,2024-03-01,"${cell.replaceAll('"', '""')}"`)
  expect(propsOf(mapped)).toEqual({ x: expected })
})

test.each([
  ['number', 'eleven'],
  ['number', '1,23'],
  ['number', '1e400'],
  ['boolean', 'maybe'],
  ['date', '2024-02-30'],
  ['datetime', 'soon'],
  ['json', '{'],
])('of type %s, %s refuses the row', (type, cell) => {
  expect(map({ ...visit, props: { x: { key: 'x', type } } }, header, `M1,2024-03-01,"${cell}"`)).toEqual([
    { code: 'wrong-type', column: 'x', reason: expect.stringContaining('must be') },
  ])
})

test('an empty cell, and a word for nothing, is absent', () => {
  const mapped = map(
    { ...visit, props: { x: 'x' } },
    header,
    'M1,2024-03-01,',
    'M1,2024-03-01,NULL',
    'M1,2024-03-01,\u3000',
    'M1,2024-03-01,null',
  )
  expect(mapped.map(propsOf)).toEqual([{}, {}, {}, {}])
  const own = map({ ...visit, props: { x: { key: 'x', null: ['-', '无'] } } }, header, 'M1,2024-03-01,无', 'M1,2024-03-01,NULL')
  expect(own.map(propsOf)).toEqual([{}, { x: 'NULL' }])
})

test('amounts are exact in their major unit', () => {
  expect(['1999', '5', '-105', '100001'].map(text => amountFrom(text, '.', -2))).toEqual([19.99, 0.05, -1.05, 1000.01])
  expect(amountFrom('¥1,234.50', '.', 0)).toBe(1234.5)
  expect(amountFrom('1.2345', '.', 4)).toBe(12345)
  expect(amountFrom('１２３元', '.', 0)).toBe(123)
  expect(amountFrom('1.234,5', ',', -2)).toBe(12.345)
  expect(['', '¥', 'abc', '1-2'].map(text => amountFrom(text, '.', -2))).toEqual([undefined, undefined, undefined, undefined])
  expect(['.5', '5.', '+7', "1'000"].map(text => numberFrom(text, '.'))).toEqual([0.5, 5, 7, 1000])
})

test('rows that the conditions exclude are left out, also broken ones', () => {
  const mapping = {
    ...visit,
    where: [
      { column: 'x', in: ['paid'] },
      { column: 'id', present: true },
    ],
  }
  expect(map(mapping, header, 'M1,2024-03-01,paid', 'M1,never,open', ',2024-03-01,paid').map(mapped => mapped === leftOut)).toEqual([
    false,
    true,
    true,
  ])
})

test('the name of the event can stand in a column', () => {
  const event = { column: 'x', names: { view: 'Product Viewed' }, others: 'reject' }
  expect(map({ ...visit, event }, header, 'M1,2024-03-01,view', 'M1,2024-03-01,cart', 'M1,2024-03-01,')).toMatchObject([
    { event: 'Product Viewed' },
    { code: 'event-unknown' },
    { code: 'event-missing' },
  ])
  const kept = map({ ...visit, event: { column: 'x' } }, header, 'M1,2024-03-01,cart', 'M1,2024-03-01,$identify')
  expect(kept).toMatchObject([{ event: 'cart' }, { code: 'event-malformed' }])
})

test('date and time of day can stand in two columns', () => {
  expect(map({ ...visit, time: { column: ['at', 'x'], zone: 'UTC' } }, header, 'M1,2024-03-01,09:30')).toMatchObject([
    { ts: Date.UTC(2024, 2, 1, 9, 30) },
  ])
})

test('a profile sets traits and consents at its own time, or at that of the import', () => {
  const mapping = {
    kind: 'profiles',
    identifiers: { id: ['member_id', 'user_id'] },
    traits: { x: 'city' },
    consents: [{ column: 'at', purpose: 'marketing', given: ['Y'], refused: ['N'] }],
    constants: { traits: { origin: 'crm' } },
  }
  expect(map(mapping, header, 'M1,Y,上海', 'M2,N,', 'M3,?,x')).toEqual([
    {
      ...{
        messageId: 'import/1/2',
        event: '$identify',
        ts: setting.receivedAt,
        receivedAt: setting.receivedAt,
        source: 'crm',
        channel: 'import',
        historical: true,
      },
      ...{ props: {}, context: {} },
      identifiers: [
        { namespace: 'member_id', value: 'M1' },
        { namespace: 'user_id', value: 'M1' },
      ],
      traits: [
        { key: 'origin', op: 'set', value: 'crm' },
        { key: 'city', op: 'set', value: '上海' },
      ],
      consents: [{ purpose: 'marketing', given: true }],
    },
    expect.objectContaining({ consents: [{ purpose: 'marketing', given: false }] }),
    expect.objectContaining({ code: 'consent-unreadable' }),
  ])
})

test('a message id never holds an identifier', () => {
  expect(map({ ...visit, messageId: ['x'] }, header, 'M1,2024-03-01,A1', 'M1,2024-03-01,')).toMatchObject([
    { messageId: 'A1' },
    { code: 'message-id-missing' },
  ])
  expect(map({ ...visit, messageId: ['id', 'x'] }, header, 'M1,2024-03-01,A1')).toMatchObject([{ messageId: 'import/1/2' }])
})

test('numbers that JSON has rounded are no identifiers, texts that are not well formed are no texts', () => {
  const mapping = readMapping({
    kind: 'events',
    event: 'Visited',
    identifiers: { id: 'member_id' },
    time: { column: 'at' },
    props: { 'a.b': 'ab' },
  })
  const columns = ['id', 'at', 'a.b']
  const lines = [
    '{"id":12345678901234567890,"at":"2024-03-01"}',
    '{"id":"1","at":"2024-03-01","a":{"b":"\\ud800"}}',
    '{"id":7,"at":1709255130,"a":{"b":1}}',
  ]
  const block = ndjsonScan(columns)(Buffer.from(lines.join('\n')), true, { offset: 0, line: 1 })
  expect(lines.map((_, row) => rowMapper(mapping, columns, setting)(block, row))).toMatchObject([
    { code: 'identifier-unreadable' },
    { code: 'wrong-type', column: 'a.b' },
    { identifiers: [{ value: '7' }], ts: 1709255130000, props: { ab: '1' } },
  ])
})

test('every fault of a mapping is named by its path', () => {
  const faults = (document: object) => {
    try {
      readMapping(document)
      return []
    } catch (error) {
      return (error as { details: { path: string; message: string }[] }).details.map(({ path, message }) => `${path} ${message}`)
    }
  }
  expect(faults({ ...visit, time: { column: 'at', zone: 'Peking' } })).toEqual([
    'time.zone is no time zone: write one like Asia/Shanghai or UTC',
  ])
  expect(faults({ ...visit, time: { column: 'at', format: 'HH:mm' } })[0]).toMatch(/^time\.format names no year/)
  expect(faults({ ...visit, props: { x: { key: 'a.b', type: 'string' } } })).toHaveLength(1)
  expect(faults({ ...visit, props: { x: 'same', y: 'same' } })).toEqual(['props fills "same" from two places'])
  expect(faults({ ...visit, identifiers: { id: 'Member Id' } })).toHaveLength(1)
  expect(faults({ kind: 'profiles', identifiers: { id: 'member_id' }, messageId: ['id'] })).toHaveLength(1)
  expect(faults({ kind: 'events', identifiers: {} } satisfies MappingDocument)).toHaveLength(3)
  expect(faults({ ...visit, prop: {} })).toHaveLength(1)
})

test('a column assigns a manual tag: the cell is its value, false takes it away, an empty one says nothing', () => {
  const document = {
    kind: 'profiles',
    identifiers: { id: 'member_id' },
    tags: { level: { key: 'vip', values: { 金: 'gold' } }, at: { key: 'blocked', type: 'boolean' } },
  }
  const mapped = map(document, ['id', 'at', 'level'], 'M1,否,金', 'M2,是,', 'M3,,黑')
  expect(mapped.map(one => (one as CanonicalEvent).traits)).toEqual([
    [
      { key: '$tag:vip', op: 'set', value: { value: 'gold' } },
      { key: '$tag:blocked', op: 'unset' },
    ],
    [{ key: '$tag:blocked', op: 'set', value: { value: true } }],
    [{ key: '$tag:vip', op: 'set', value: { value: '黑' } }],
  ])
  expect(() => readMapping({ ...document, tags: { level: 'VIP 等级' } })).toThrow(/keys of tags/)
  expect(() => readMapping({ ...document, traits: { level: '$tag:vip' } })).toThrow(/\$/)
})
