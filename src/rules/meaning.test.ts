import fc from 'fast-check'
import { expect, it } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { rules, worlds } from './arbitrary.fixture.ts'
import { naive } from './naive.fixture.ts'
import { parseRule } from './parse.ts'
import { compiledVerdicts, contextOf, store } from './world.fixture.ts'

const { clickhouse } = await testStores()
/** A longer run: ZHIKE_RULES_RUNS=2000 */
const numRuns = Number(process.env.ZHIKE_RULES_RUNS ?? 12)

it('a compiled rule means what the naive evaluator says, for random rules and histories', {
  timeout: 600_000 + numRuns * 2000,
}, async () => {
  const several = fc.array(rules, { minLength: 4, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(worlds, several, async ({ world, now }, several) => {
      await store(clickhouse, world)
      for (const rule of several) {
        const parsed = parseRule(rule)
        expect(await compiledVerdicts(clickhouse, parsed, contextOf(world, now)), JSON.stringify(rule)).toEqual(naive(parsed, world, now))
      }
    }),
    {
      numRuns,
      ...(process.env.ZHIKE_RULES_SEED ? { seed: Number(process.env.ZHIKE_RULES_SEED) } : {}),
      interruptAfterTimeLimit: numRuns > 100 ? 600_000 : 15_000,
      markInterruptAsFailure: false,
      endOnFailure: true,
    },
  )
})
