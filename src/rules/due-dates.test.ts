import { expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { compile } from './compile.ts'
import type { NaiveWorld } from './naive.fixture.ts'
import { naive } from './naive.fixture.ts'
import type { Rule } from './schema.ts'
import { contextOf, store } from './world.fixture.ts'

const { clickhouse } = await testStores()
const day = 86_400_000

/** Somebody with a date, and what the rule says of it from `from` on: it keeps its verdict until it is due, at every step, for `days`. */
async function keepsUntilDue(
  zone: string,
  date: string,
  rule: Rule,
  from: string,
  days: number,
): Promise<{ flips: number; looks: number }> {
  const start = Date.parse(from)
  const ts = start - 400 * day
  const world: NaiveWorld = {
    zone,
    events: [],
    traits: [{ leaf: 1, ts, position: 1, key: 't', value: date }],
    consents: [],
    roots: new Map(),
    sensitive: new Map(),
  }
  await store(clickhouse, world)
  const says = (at: number) => naive(rule, world, at).get(1)
  let looks = 0
  let flips = 0
  for (let now = start; now < start + days * day; looks++) {
    const { text, params } = compile(rule, contextOf(world, now), { due: true })
    const [row] = await clickhouse.query<{ due: number }>(`select due from (${text})`, params)
    const due = Math.min(Number(row?.due), start + days * day)
    expect(due, new Date(now).toISOString()).toBeGreaterThan(now)
    const verdict = says(now)
    for (let part = 1; part <= 60; part++) {
      const at = Math.floor(now + ((due - 1 - now) * part) / 60)
      expect([new Date(at).toISOString(), says(at)]).toEqual([new Date(at).toISOString(), verdict])
    }
    if (says(due) !== verdict) flips++
    now = due
  }
  return { flips, looks }
}

test.each(['2028-02-15T10:00:00+08:00', '2027-02-15T10:00:00+08:00'])(
  '29 February is due in leap years and others, from %s',
  async from => {
    const { flips } = await keepsUntilDue('Asia/Shanghai', '2024-02-29', { trait: 't', anniversaryWithin: '7d' }, from, 20)
    expect(flips).toBe(2)
  },
)

test.each([
  // In and out and in again: a month after 30 and 31 January is the end of February.
  ['Etc/UTC', '2026-02-28T12:00:00Z', '2026-01-20T00:00:00Z', 45],
  ['America/New_York', '2026-03-08T03:30:00', '2026-02-01T00:00:00Z', 40],
])('what lies in the coming month in %s is due whenever that changes', async (zone, date, from, days) => {
  const { flips, looks } = await keepsUntilDue(zone, date, { trait: 't', withinNext: '1mo' }, from, days)
  expect(flips).toBeGreaterThanOrEqual(2)
  expect(looks).toBeLessThan(40)
})
