import { expect, test } from 'vitest'
import { isLive, messagesOf } from './messages.ts'
import { type PopulationSetting, population, standardPopulation } from './population.ts'
import { type ExportFile, exportNames } from './rows.ts'

const small: PopulationSetting = { ...standardPopulation, people: 800 }
const nights = [...population(small)]
const rows = nights.flatMap(night => night.rows)
const of = (file: ExportFile) => rows.filter(row => row.file === file)

test('the same seed gives the same rows, another seed others', () => {
  expect([...population(small)]).toEqual(nights)
  expect([...population({ ...small, seed: 8 })]).not.toEqual(nights)
})

test('every system exports something, and nothing after now', () => {
  expect(exportNames.filter(file => of(file).length === 0)).toEqual([])
  expect(rows.filter(({ at }) => at >= small.now)).toEqual([])
})

test('phones are synthetic, and the archetypes that buy have all paid', () => {
  const phones = rows.flatMap(({ fields }) => [fields.phone, fields.手机号].filter(phone => phone !== undefined))
  expect(phones.filter(phone => !/^1990\d{6,7}$/.test(String(phone)))).toEqual([])
  const paid = of('his-orders').filter(({ fields }) => fields.类型 === '成交')
  expect(new Set(paid.map(({ fields }) => fields.会员号)).size / (small.people * 0.725)).toBeCloseTo(0.53, 1)
})

test('the exports have the faults of exports: late rows, repeated rows, wrong phones, a shared tablet', () => {
  const repeated = (rows.length - new Set(rows).size) / rows.length
  expect(repeated).toBeGreaterThan(0.003)
  expect(repeated).toBeLessThan(0.008)

  const treatments = of('his-treatments')
  const late = treatments.filter(({ at }, index) => treatments.slice(0, index).some(before => before.at > at + 86_400_000))
  expect(late.length / treatments.length).toBeGreaterThan(0.01)
  expect(late.length / treatments.length).toBeLessThan(0.06)

  const right = new Map(of('members').map(({ fields }) => [fields.会员号, fields.手机号]))
  const wrong = treatments.filter(({ fields }) => fields.手机号 !== right.get(fields.会员号))
  expect(wrong.length / treatments.length).toBeGreaterThan(0.002)
  expect(wrong.length / treatments.length).toBeLessThan(0.025)

  const onTablet = of('skin-tests').filter(({ fields }) => fields.device_id === 'tablet-SH01')
  expect(new Set(onTablet.map(({ fields }) => fields.phone)).size).toBeGreaterThan(10)
})

test('what a live system sends says the same as its export would', () => {
  const added = of('wecom').find(({ fields }) => fields.event === 'WeCom Contact Added')
  const registered = of('registrations').find(({ fields }) => fields.marketing !== undefined)
  if (!added || !registered) throw new Error('nobody was added or registered')
  const { advisor_id, state } = added.fields
  expect(messagesOf(added)).toMatchObject([
    { type: 'track', event: 'WeCom Contact Added', properties: { advisor_id, state } },
    { type: 'identify', traits: { wecom_friend: true, first_state: state } },
  ])
  const { user_id, birthday, marketing, personalized } = registered.fields
  const consent = { categoryPreferences: { marketing, personalized } }
  expect(messagesOf(registered)).toMatchObject([{ type: 'identify', userId: user_id, traits: { birthday }, context: { consent } }])
  expect(of('his-orders').some(isLive)).toBe(false)
})
