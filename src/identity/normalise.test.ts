import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keysFrom } from '../privacy/keys.ts'
import { namespaceRules } from './namespace-rules.ts'
import { defaultNamespaces } from './namespaces.ts'
import { readIdentifier } from './normalise.ts'

const rules = namespaceRules(defaultNamespaces)
const keys = keysFrom('test')

function read(namespace: string, value: string): string {
  const usable = readIdentifier(rules, keys, namespace, value)
  return typeof usable === 'string' ? usable : usable.value
}

test.each([
  '19900000001',
  '199 0000 0001',
  '+86 199-0000-0001',
  '8619900000001',
  '0086 19900000001',
  '１９９００００００01',
  ' 199.0000.0001\t',
  '(199)00000001',
])('%s is the same phone', written => {
  expect(read('phone', written)).toBe('+8619900000001')
})

test.each([
  ['021-5555 0100', '+862155550100'],
  ['+1 415 555 2671', '+14155552671'],
  ['0044 20 7946 0958', '+442079460958'],
])('%s is a phone, too', (written, number) => {
  expect(read('phone', written)).toBe(number)
})

test.each(['1990000000', '199000000012', '12345', 'call me', '199-secret-0001', '+86', '00000000000'])('%s is no phone', written => {
  expect(['invalid', 'blocked']).toContain(read('phone', written))
})

test.each([
  ['Li.Na@Example.COM ', 'li.na@example.com'],
  ['ｌｉ@example.com', 'li@example.com'],
  ['li+tag@mail.example.com', 'li+tag@mail.example.com'],
])('%s is an address', (written, address) => {
  expect(read('email', written)).toBe(address)
})

test.each(['li', '@example.com', 'li@', 'li@example', 'a b@example.com', 'li@@example.com', `${'x'.repeat(300)}@example.com`])(
  '%s is no address',
  written => {
    expect(read('email', written)).toBe('invalid')
  },
)

test.each([
  'null',
  'NULL',
  ' undefined ',
  '0',
  '000-000',
  '-',
  '--',
  '00000000-0000-0000-0000-000000000000',
  'unknown',
  'N/A',
  '{{user.id}}',
  '[object Object]',
  '匿名',
])('%s is nobody', placeholder => {
  for (const namespace of ['user_id', 'device_id', 'anonymous_id', 'loyalty_card']) expect(read(namespace, placeholder)).toBe('blocked')
})

test('what only looks like a placeholder is somebody', () => {
  for (const value of ['null-7', '0a', 'unknown soldier', '1', 'nobody']) expect(read('user_id', value)).toBe(value)
})

test('a well-known test number and a device that many phones report are nobody', () => {
  expect(read('phone', '138 0013 8000')).toBe('blocked')
  expect(read('device_id', '02:00:00:00:00:00')).toBe('blocked')
  expect(read('email', 'noreply@shop.example.com')).toBe('blocked')
})

test('512 bytes is the longest identifier, in UTF-8', () => {
  expect(read('user_id', 'x'.repeat(512))).toHaveLength(512)
  expect(read('user_id', 'x'.repeat(513))).toBe('too-long')
  expect(read('user_id', '知'.repeat(171))).toBe('too-long')
})

test('control characters and broken text are no identifier', () => {
  expect([read('user_id', 'a\u0000b'), read('user_id', 'a\nb'), read('user_id', 'a\ud800')]).toEqual(['invalid', 'invalid', 'invalid'])
})

test('a namespace that is no name is refused', () => {
  for (const name of ['', '7up', 'user id', 'a:b:c', 'x'.repeat(200), "a'; drop table"]) expect(read(name, 'x')).toBe('namespace')
})

test('normalising twice is normalising once', () => {
  fc.assert(
    fc.property(fc.constantFrom('phone', 'email', 'user_id'), fc.string({ unit: 'grapheme', maxLength: 40 }), (namespace, value) => {
      const once = readIdentifier(rules, keys, namespace, value)
      if (typeof once !== 'string') expect(read(namespace, once.value)).toBe(once.value)
    }),
    { numRuns: 2_000 },
  )
})

test('the hash tells namespaces and scopes apart', () => {
  const hash = (namespace: string) => {
    const usable = readIdentifier(rules, keys, namespace, 'same')
    return typeof usable === 'string' ? usable : usable.hash
  }
  expect(new Set(['user_id', 'device_id', 'openid:wx1', 'openid:wx2'].map(hash)).size).toBe(4)
})
