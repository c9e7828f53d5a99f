import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { heldCount } from '../src/definitions/held-count.ts'
import { countOf } from '../src/rules/operations.ts'
import type { Rule } from '../src/rules/schema.ts'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

const day = 86_400_000
let shop: LivingWorkspace
beforeAll(async () => {
  shop = await livingWorkspace(Date.parse('2026-12-10T10:00:00+08:00'))
  const tag = (key: string, values: { value: string | number | true; rule: Rule }[]) =>
    shop.api.call('PUT', `/api/tags/${key}`, { zh: key, kind: 'rule', values })
  await tag('stage', [
    { value: 'new', rule: { event: 'View', within: '2d' } },
    { value: 'old', rule: { event: 'View' } },
  ])
  await tag('buyer', [{ value: true, rule: { event: 'Pay', within: '3d' } }])
  await tag(
    'steps',
    [1, 2, 3].map(n => ({ value: n, rule: { event: ['View', 'Pay'], count: { eq: n } } })),
  )
  await shop.api.call('PUT', '/api/audiences/lost', { zh: '流失', rule: { all: [{ tag: 'stage', eq: 'old' }, { not: { tag: 'buyer' } }] } })
})
afterAll(() => shop.stop())

const leaf: fc.Arbitrary<Rule> = fc.constantFrom<Rule>(
  { tag: 'stage' },
  { tag: 'stage', eq: 'new' },
  { tag: 'stage', in: ['old', 'none'] },
  { tag: 'stage', ne: 'new' },
  { tag: 'stage', in: ['new', 'old'], notIn: ['old'] },
  { tag: 'buyer' },
  { tag: 'buyer', eq: true },
  { tag: 'steps', in: [1, 3] },
  { tag: 'steps', notIn: [2] },
  { tag: 'steps', eq: 2 },
  { audience: 'lost' },
)
const { rule } = fc.letrec<{ rule: Rule }>(tie => {
  const some = fc.array(tie('rule'), { minLength: 1, maxLength: 4 })
  return {
    rule: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      leaf,
      some.map(all => ({ all })),
      some.map(any => ({ any })),
      tie('rule').map(not => ({ not })),
      fc.tuple(some, fc.integer({ min: 1, max: 4 })).map(([of, k]) => ({ atLeast: Math.min(k, of.length), of })),
    ),
  }
})
const story = fc.record({
  facts: fc.array(
    fc.record({
      user: fc.integer({ min: 1, max: 12 }),
      event: fc.constantFrom('View', 'Pay', 'Other'),
      ago: fc.integer({ min: 0, max: 4 }),
    }),
    {
      minLength: 1,
      maxLength: 12,
    },
  ),
  passes: fc.constantFrom(0, 1, day, 2 * day),
  isCompacted: fc.boolean(),
  rules: fc.array(rule, { minLength: 8, maxLength: 8 }),
})

test('what is counted from who has what is what is counted from the facts', { timeout: 120_000 }, async () => {
  const { stores, definitions, evaluator, contextAt, pipeline } = shop.zhike.core
  const parts = { ...stores, definitions, asOf: () => pipeline.asOf, heldAsOf: () => evaluator.appliedAsOf }
  let told = 0
  const holds = fc.asyncProperty(story, async ({ facts, passes, isCompacted, rules }) => {
    shop.now += passes
    await shop.send(
      ...facts.map(({ user, event, ago }) => ({ userId: `u${user}`, event, timestamp: new Date(shop.now - ago * day).toISOString() })),
    )
    await shop.flush()
    if (isCompacted) await shop.compact()
    const context = { ...contextAt(shop.now), derived: definitions.set().derived }
    for (const one of rules) {
      const { asOf: _, ...held } = (await heldCount(parts, one)) ?? expect.fail(`${JSON.stringify(one)} was not counted from who has what`)
      expect(held, JSON.stringify(one)).toEqual(await countOf(stores.clickhouse, one, context))
      if (held.count > 0 && held.count < held.total) told += 1
    }
  })
  await fc.assert(holds, { numRuns: 25, endOnFailure: true })
  expect(told).toBeGreaterThan(40)
})

test('the API counts such a rule without the facts, and any other from them', async () => {
  await shop.send({ userId: 'u1', event: 'Pay' })
  await shop.flush()
  const count = (rule: Rule, at?: string) => shop.api.call<object>('POST', '/api/rules/count', { rule, ...(at && { at }) })
  const mixed: Rule = { all: [{ tag: 'buyer' }, { event: 'Pay' }] }
  expect(await count(mixed)).toMatchObject({ unknown: 0, branches: [{}, {}, {}] })
  expect(await count({ tag: 'buyer' })).toEqual({
    ...(await count({ tag: 'buyer' }, new Date(shop.now).toISOString())),
    asOf: expect.any(String),
  })
  await expect(count({ tag: 'nobody_has_it' })).rejects.toMatchObject({ status: 422 })
})
