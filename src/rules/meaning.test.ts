import fc from 'fast-check'
import { expect, it } from 'vitest'
import { holdFor } from '../../test/hold-for.ts'
import { testStores } from '../../test/stores.ts'
import { Refusal } from '../refusal.ts'
import { rules, worlds } from './arbitrary.fixture.ts'
import { compile } from './compile.ts'
import { naive } from './naive.fixture.ts'
import { parseRule } from './parse.ts'
import type { RuleContext } from './plan.ts'
import type { Rule } from './schema.ts'
import { compiledVerdicts, contextOf, scopedVerdicts, store } from './world.fixture.ts'

const { clickhouse } = await testStores()
/** A longer run: ZHIKE_RULES_SECONDS=600. A failed one again: ZHIKE_RULES_SEED. */
const seconds = Number(process.env.ZHIKE_RULES_SECONDS ?? 20)
const seed = process.env.ZHIKE_RULES_SEED

function isTooLong(rule: Rule, context: RuleContext): boolean {
  try {
    compile(rule, context)
    return false
  } catch (error) {
    if (error instanceof Refusal && error.message.includes('one statement')) return true
    throw error
  }
}

it('a compiled rule means what the naive evaluator says, for random rules and histories', { timeout: (seconds + 100) * 1000 }, async () => {
  let compared = 0
  const several = fc.array(rules, { minLength: 2, maxLength: 5 })
  await holdFor(seconds, { atMost: seconds * 2, seed }, fc.tuple(worlds, several), async ([{ world, now }, several]) => {
    await store(clickhouse, world)
    for (const rule of several) {
      const parsed = parseRule(rule)
      if (isTooLong(parsed, contextOf(world, now))) continue
      const meant = naive(parsed, world, now)
      expect(await compiledVerdicts(clickhouse, parsed, contextOf(world, now)), JSON.stringify(rule)).toEqual(meant)
      for (const [profile, verdict] of await scopedVerdicts(clickhouse, parsed, contextOf(world, now), world))
        expect([profile, verdict], JSON.stringify(rule)).toEqual([profile, meant.get(profile)])
      compared++
    }
  })
  if (process.env.ZHIKE_RULES_SECONDS) console.log(`${compared} rules were compared`)
  expect(compared).toBeGreaterThan(0)
})
