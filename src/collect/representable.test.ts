import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from './event.ts'
import { escapeKey, maxDepth, maxKeyLength, maxKeys, storable, unescapeKey, unescapeKeys, unrepresentable, weigh } from './representable.ts'

const value = fc.jsonValue({ maxDepth: 8, stringUnit: 'binary' }) as fc.Arbitrary<Json>

test('the quick look and the explanation agree on what can be represented', () => {
  const anything = fc.oneof(
    value,
    fc.anything({ withNullPrototype: false, values: [fc.double(), fc.string({ unit: 'binary' }), fc.constant(null)] }),
  )
  fc.assert(
    fc.property(anything, any => {
      const parsed: unknown = JSON.parse(JSON.stringify(any) ?? 'null')
      expect(Number.isNaN(weigh(parsed, maxDepth, true))).toBe(unrepresentable(parsed) !== undefined)
    }),
  )
})

test('the weight is at least a sixth of the length as JSON', () => {
  fc.assert(
    fc.property(value, json => {
      const weight = weigh(json, maxDepth, false)
      fc.pre(!Number.isNaN(weight))
      expect(weight * 6).toBeGreaterThanOrEqual(Buffer.byteLength(JSON.stringify(json)))
    }),
  )
})

function nested(depth: number): unknown {
  return depth === 0 ? 1 : { a: nested(depth - 1) }
}

test.each([
  ['half a surrogate pair', { a: ['\ud800'] }, 'malformed_text', 'a[0]'],
  ['half a surrogate pair in a key', { a: { '\udc00': 1 } }, 'malformed_key', 'a'],
  ['a NUL in a key', { '\0': 1 }, 'malformed_key', ''],
  ['a number beyond all bounds', JSON.parse('{"a":{"b":1e999}}'), 'number_out_of_range', 'a.b'],
  ['a whole number that no integer column holds', { a: 2 ** 63 }, 'number_out_of_range', 'a'],
  ['too deep', nested(maxDepth + 1), 'too_deep', Array(maxDepth).fill('a').join('.')],
  ['a key that is too long', { ['k'.repeat(maxKeyLength + 1)]: 1 }, 'key_too_long', ''],
  ['the key that sets a prototype', JSON.parse('{"a":{"__proto__":1}}'), 'reserved_key', 'a'],
  ['too many keys', Object.fromEntries(Array.from({ length: maxKeys + 1 }, (_, i) => [`k${i}`, i])), 'too_many_keys', ''],
])('%s is refused, with its place', (_, json, code, path) => {
  expect(unrepresentable(json)).toMatchObject({ code, path })
  expect(weigh(json, maxDepth, true)).toBeNaN()
})

test('what lies just inside the bounds is taken', () => {
  const edge = {
    ['k'.repeat(maxKeyLength)]: nested(maxDepth - 1),
    n: [2 ** 63 - 1024, -(2 ** 63) + 1024, 5e-324, -0],
    text: '好😀\0',
    '': '',
  }
  expect(unrepresentable(edge)).toBeUndefined()
  expect(weigh(edge, maxDepth, true)).not.toBeNaN()
})

test('dots in keys are escaped, and nothing else is touched', () => {
  const json = { 'a.b': { c: [{ 'd.e': 1 }] }, '100%': 1, 'x%2Ey': 2 }
  expect(storable(json)).toEqual({ 'a%2Eb': { c: [{ 'd%2Ee': 1 }] }, '100%': 1, 'x%252Ey': 2 })
  const clean = { a: { b: [1, { c: null }] } }
  expect(storable(clean)).toBe(clean)
})

test('escaping keys is one to one, leaves no dot, and is undone', () => {
  const key = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('.', '%', '2', '5', 'E', 'a') }))
  fc.assert(
    fc.property(key, text => {
      expect(escapeKey(text)).not.toContain('.')
      expect(unescapeKey(escapeKey(text))).toBe(text)
    }),
  )
  fc.assert(
    fc.property(value, json => {
      fc.pre(unrepresentable(json) === undefined)
      expect(unescapeKeys(storable(json))).toEqual(json)
    }),
  )
})

test('escaping costs no more than one walk, however deep the dot', () => {
  let deep: Json = { 'a.b': 1 }
  for (let i = 0; i < 40; i++) deep = { deep }
  expect(JSON.stringify(storable(deep))).toContain('a%2Eb')
})
