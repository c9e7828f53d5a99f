import fc from 'fast-check'
import { expect, it } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { rules, worlds } from './arbitrary.fixture.ts'
import { naive } from './naive.fixture.ts'
import { parseRule } from './parse.ts'
import { compiledVerdicts, contextOf, store } from './world.fixture.ts'

const { clickhouse } = await testStores()
/** A longer run: ZHIKE_RULES_SECONDS=600. A failed one again: ZHIKE_RULES_SEED. */
const seconds = Number(process.env.ZHIKE_RULES_SECONDS ?? 8)
const seed = process.env.ZHIKE_RULES_SEED

it('a compiled rule means what the naive evaluator says, for random rules and histories', { timeout: (seconds + 60) * 1000 }, async () => {
  let compared = 0
  const several = fc.array(rules, { minLength: 4, maxLength: 8 })
  const means = fc.asyncProperty(worlds, several, async ({ world, now }, several) => {
    await store(clickhouse, world)
    for (const rule of several) {
      const parsed = parseRule(rule)
      expect(await compiledVerdicts(clickhouse, parsed, contextOf(world, now)), JSON.stringify(rule)).toEqual(naive(parsed, world, now))
      compared++
    }
  })
  await fc.assert(means, {
    numRuns: seconds * 2,
    interruptAfterTimeLimit: seconds * 1000,
    endOnFailure: true,
    ...(seed !== undefined && { seed: Number(seed) }),
  })
  if (process.env.ZHIKE_RULES_SECONDS) console.log(`${compared} rules were compared`)
  expect(compared).toBeGreaterThan(0)
})
