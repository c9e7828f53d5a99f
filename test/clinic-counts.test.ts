import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clinicFiles } from '../src/cli/clinic/brand.ts'
import { fillClinic } from '../src/cli/clinic/fill-clinic.ts'
import { standardPopulation } from '../src/cli/clinic/population.ts'
import { table } from '../src/cli/output.ts'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

/** How many of the clinic's 8,700 recognised people meet a rule, as an independent program counted them. */
interface Expected {
  rule: Record<string, unknown>
  count: number
}

const expected = JSON.parse(readFileSync(new URL('population/expected.json', clinicFiles), 'utf8')) as Expected[]
/** A part of them in the check; `npm run clinic` has all. */
const people = Number(process.env.ZHIKE_CLINIC_PEOPLE ?? 1_000)
const part = people / standardPopulation.people

let clinic: LivingWorkspace
beforeAll(async () => {
  clinic = await livingWorkspace(standardPopulation.now)
  await fillClinic(clinic.api, { people }, { out: () => {}, notes: () => {} })
  // Who registers says where from.
  await clinic.api.call('PUT', '/api/audiences/recognised', { zh: '已识别', rule: { trait: 'first_source', exists: true } })
  await clinic.flush()
}, 900_000)
afterAll(() => clinic.stop())

async function countOf(rule: object): Promise<number> {
  const { count } = await clinic.api.call<{ count: number }>('POST', '/api/rules/count', {
    rule: { all: [rule, { audience: 'recognised' }] },
  })
  return count
}

/** Within 15%; of a part of the people, what chance adds to that: two standard deviations. */
function allowance(count: number): number {
  return 0.15 * count + 2 * Math.sqrt(count * (1 - part))
}

test('as many people are recognised as the clinic has', async () => {
  expect(await countOf({ audience: 'recognised' })).toBe(Math.round(8_700 * part))
})

test('every tag and audience has as many people as it should', async () => {
  const counted = await Promise.all(expected.map(async ({ rule, count }) => ({ rule, should: count * part, is: await countOf(rule) })))
  const rows = counted.map(({ rule, should, is }) => ({
    isOff: Math.abs(is - should) > allowance(should),
    line: [Object.values(rule).join(' '), should.toFixed(1), String(is), `${((is / should - 1) * 100).toFixed(1)}%`],
  }))
  console.log(table(rows.map(({ line }) => line)))
  expect(rows.filter(({ isOff }) => isOff).map(({ line }) => line.join(' '))).toEqual([])
})
