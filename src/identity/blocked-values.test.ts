import fc from 'fast-check'
import { expect, test } from 'vitest'
import { blockedBy } from './blocked-values.ts'

test('a star stands for any text, case does not count', () => {
  const isBlocked = blockedBy(['test-*', '*@trash.example.com', 'a*b*c'])
  expect(['TEST-1', 'test-', 'x@trash.example.com', 'abc', 'a1b2c', 'abbc'].every(isBlocked)).toBe(true)
  expect(['mytest-1', 'x@trash.example.com.cn', 'acb', 'ab'].some(isBlocked)).toBe(false)
})

test('patterns agree with the regular expression that they stand for', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })
  fc.assert(
    fc.property(fc.array(letters, { minLength: 2, maxLength: 4 }), letters, (parts, value) => {
      const expected = new RegExp(`^${parts.join('.*')}$`).test(value)
      expect(blockedBy([parts.join('*')])(value)).toBe(expected)
    }),
    { numRuns: 2_000 },
  )
})

test('a pattern made to backtrack takes no time', () => {
  const isBlocked = blockedBy([`${'*a'.repeat(90)}*b`])
  const startedAt = performance.now()
  isBlocked('a'.repeat(500))
  expect(performance.now() - startedAt).toBeLessThan(100)
})
