import fc from 'fast-check'
import { expect, test } from 'vitest'
import { earliestTime, instantOf, latestTime } from './timestamp.ts'

test('every moment that the stores can hold is read as it is written', () => {
  fc.assert(
    fc.property(fc.integer({ min: earliestTime, max: latestTime }), time => {
      const text = new Date(time).toISOString()
      expect(instantOf(text)).toBe(time)
      expect(instantOf(text.replace('Z', '+08:00'))).toBe(time - 8 * 3_600_000)
      expect(instantOf(text.slice(0, 10))).toBe(Math.floor(time / 86_400_000) * 86_400_000)
    }),
  )
})

test.each([
  ['2026-10-01T08:00:00Z', '2026-10-01T08:00:00.000Z'],
  ['2026-10-01T08:00Z', '2026-10-01T08:00:00.000Z'],
  ['2026-10-01 08:00:00', '2026-10-01T08:00:00.000Z'],
  ['2026-10-01T08:00:00.123456+00:00', '2026-10-01T08:00:00.123Z'],
  ['2026-10-01T08:00:00.123456789-0530', '2026-10-01T13:30:00.123Z'],
  ['2026-10-01T08:00:00.5Z', '2026-10-01T08:00:00.500Z'],
  ['2024-02-29', '2024-02-29T00:00:00.000Z'],
  [1_790_000_000, '2026-09-21T14:13:20.000Z'],
  [1_790_000_000_123.4, '2026-09-21T14:13:20.123Z'],
])('%s is read, whatever the zone of this process', (written, meant) => {
  expect(new Date(instantOf(written)).toISOString()).toBe(meant)
})

test.each([
  '',
  'yesterday',
  '2026-02-29',
  '2026-13-01',
  '2026-10-01T25:00:00Z',
  '2026-10-01T08:60:00.000Z',
  '2026-1-1',
  '01/10/2026',
  '٢٠٢٦-10-01T08:00:00.000Z',
  null,
  {},
  true,
])('%j is no moment', written => {
  expect(instantOf(written)).toBeNaN()
})
