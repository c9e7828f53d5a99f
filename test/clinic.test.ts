import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { applyFiles, differenceOf } from '../src/cli/files/apply-files.ts'
import { readWorkspaceFiles } from '../src/cli/files/workspace-files.ts'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

/** The clinic's people, each with what the operations team expects of them (examples/clinic). */
interface Persona {
  id: string
  traits: Record<string, unknown>
  /** How long before now, what, and its properties. */
  events: [ago: string, event: string, properties: Record<string, unknown>][]
  /** Tags by value; null: not there. */
  gold: Record<string, unknown>
  in: string[]
  out: string[]
  later?: { after: string; in: string[] }
}

const clinic = fileURLToPath(new URL('../examples/clinic', import.meta.url))
const personas = JSON.parse(readFileSync(`${clinic}/personas.json`, 'utf8')) as Persona[]
const now = Date.parse('2026-12-10T10:00:00+08:00')
const minute = 60_000
const units: Record<string, number> = { m: minute, h: 60 * minute, d: 24 * 60 * minute }
/** Traits that say whether a consent was given: people give consents, and the traits mirror them. */
const purposes: Record<string, string> = {
  consent_marketing: 'marketing',
  consent_personalized: 'personalized',
  consent_medical: 'medical_profile',
}

let shop: LivingWorkspace
beforeAll(async () => {
  shop = await livingWorkspace(now)
  const files = readWorkspaceFiles(clinic)
  await applyFiles(shop.api, files)
  expect((await differenceOf(shop.api, files)).changes).toEqual([])
  await shop.send(...personas.flatMap((persona, index) => [...toldOf(persona, index), ...didOf(persona, index)]))
  await shop.flush()
})
afterAll(() => shop.stop())

test.each(personas.map((persona, index) => ({ ...persona, index })))('$id has exactly their tags and audiences', async persona => {
  const { tags, audiences } = await shop.portraitOf(userOf(persona.index))
  const asked = Object.keys(persona.gold)
  expect(Object.fromEntries(asked.map(key => [key, tags[key] ?? null]))).toEqual(persona.gold)
  expect(persona.in.filter(key => !audiences.includes(key))).toEqual([])
  expect(persona.out.filter(key => audiences.includes(key))).toEqual([])
})

test('who was contacted 71 hours ago is silent for three days an hour later', async () => {
  for (const [index, { later, id }] of personas.entries()) {
    if (!later) continue
    shop.now = now + msOf(later.after)
    await shop.flush()
    const { audiences } = await shop.portraitOf(userOf(index))
    expect(
      later.in.filter(key => !audiences.includes(key)),
      id,
    ).toEqual([])
  }
  shop.now = now
})

test('rules read as the operations team would say them', async () => {
  const { words } = await shop.api.call<{ words: { zh: string }[] }>('GET', '/api/audiences/price_hesitant')
  expect(words.map(({ zh }) => zh).join()).toMatch(/「浏览项目」.*「加入预约单」/)
  expect(words.map(({ zh }) => zh).join()).not.toMatch(/Product Viewed|price_hesitant/)
  const dormant = await shop.api.call<{ words: { zh: string }[] }>('GET', '/api/audiences/dormant_reachable')
  expect(dormant.words[0]?.zh).toMatch(/标签「生命周期」是沉睡.*标签「营销冻结」成立/)
})

function userOf(index: number): string {
  return `persona-${index}`
}

function toldOf({ traits }: Persona, index: number): Record<string, unknown>[] {
  const plain = Object.entries(traits).filter(([key]) => purposes[key] === undefined)
  const consents = Object.entries(traits).flatMap(([key, value]) => (purposes[key] === undefined ? [] : [[purposes[key], value]]))
  return [
    {
      type: 'identify',
      userId: userOf(index),
      timestamp: new Date(now - 700 * 24 * 60 * minute).toISOString(),
      traits: Object.fromEntries(plain),
      context: { consent: { categoryPreferences: Object.fromEntries(consents) } },
    },
  ]
}

function didOf({ events }: Persona, index: number): Record<string, unknown>[] {
  return events.map(([ago, event, properties]) => ({
    userId: userOf(index),
    event,
    properties,
    timestamp: new Date(now + msOf(ago)).toISOString(),
  }))
}

function msOf(text: string): number {
  const [, sign = '', count = '0', unit = 'm'] = /^(-?)(\d+)([mhd])$/.exec(text) ?? []
  return (sign === '-' ? -1 : 1) * Number(count) * (units[unit] ?? 0)
}
