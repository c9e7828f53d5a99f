import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LivingWorkspace, livingWorkspace } from './living-workspace.ts'

const start = Date.parse('2026-12-10T10:00:00+08:00')
const day = 86_400_000

let shop: LivingWorkspace
beforeAll(async () => {
  shop = await livingWorkspace(start)
})
afterAll(() => shop.stop())

interface Answer {
  accepted: number
  refused: { index: number; code: string }[]
}
const assign = async (key: string, ...assignments: object[]) => {
  const answer = await shop.api.call<Answer>('POST', `/api/tags/${key}/assignments`, { assignments })
  await shop.flush()
  return answer
}
const lin = { identifier: { namespace: 'user_id', value: 'lin' } }

test('a tag is assigned by profile or identifier, changed, and taken away', async () => {
  await shop.send({ userId: 'lin', event: 'Page Viewed' }, { userId: 'chen', event: 'Page Viewed' })
  await shop.flush()
  await shop.api.call('PUT', '/api/tags/phone_vip', { zh: '贵宾', kind: 'manual', values: [{ value: 'gold' }, { value: 'black' }] })
  await shop.api.call('PUT', '/api/audiences/vips', { zh: '贵宾', rule: { tag: 'phone_vip', score: { gte: 0.5 } } })
  await shop.flush()
  const { id } = await shop.portraitOf('chen')
  expect(
    await assign(
      'phone_vip',
      { ...lin, value: 'gold' },
      { profile: id, value: 'black', score: 0.4 },
      { profile: '999999', value: 'gold' },
      { identifier: { namespace: 'user_id', value: 'nobody' }, value: 'gold' },
      { profile: id, value: 'silver' },
      { profile: id, value: 'gold', until: '2026-12-01T00:00:00Z' },
    ),
  ).toMatchObject({
    accepted: 2,
    refused: [
      { index: 2, code: 'no-such-profile' },
      { index: 3, code: 'no-such-profile' },
      { index: 4, code: 'value-not-listed' },
      { index: 5, code: 'until-past' },
    ],
  })
  expect(await shop.portraitOf('lin')).toMatchObject({ tags: { phone_vip: 'gold' }, audiences: ['vips'] })
  expect(await shop.portraitOf('chen')).toMatchObject({ tags: { phone_vip: 'black' }, audiences: [] })
  const causes = await shop.zhike.core.stores.postgres.query<{ cause: string }>(
    'select distinct cause from transitions, jsonb_array_elements(changes::jsonb) change where change ->> 2 = $1',
    ['gold'],
  )
  expect(causes).toEqual([{ cause: 'assignment' }])
  expect(await assign('phone_vip', { ...lin, remove: true })).toEqual({ accepted: 1, refused: [] })
  expect(await shop.portraitOf('lin')).toMatchObject({ tags: {}, audiences: [] })
})

test('an assignment ends when it says, or when the tag’s validity is over', async () => {
  await shop.api.call('PUT', '/api/tags/follow_up', { zh: '待回访', kind: 'manual', validity: '1mo' })
  const until = new Date(shop.now + 3 * day).toISOString()
  await assign('follow_up', { ...lin, value: true, until }, { identifier: { namespace: 'user_id', value: 'chen' }, value: 'price' })
  const tags = async () => [(await shop.portraitOf('lin')).tags.follow_up, (await shop.portraitOf('chen')).tags.follow_up]
  expect(await tags()).toEqual([true, 'price'])
  shop.now = start + 3 * day - 1
  await shop.flush()
  expect(await tags()).toEqual([true, 'price'])
  shop.now = start + 3 * day
  await shop.flush()
  expect(await tags()).toEqual([undefined, 'price'])
  shop.now = Date.parse('2027-01-10T10:00:00+08:00') - 1
  await shop.flush()
  expect(await tags()).toEqual([undefined, 'price'])
  shop.now += 1
  await shop.flush()
  expect(await tags()).toEqual([undefined, undefined])
})

test('a sender cannot assign a tag, and an assignment is no trait to look at', async () => {
  await shop.send({ type: 'identify', userId: 'wang', traits: { city: '杭州', '$tag:phone_vip': { value: 'black' } } })
  await shop.flush()
  await assign('phone_vip', { ...lin, value: 'gold' })
  const wang = await shop.api.call<{ traits: object; tags: object[] }>('GET', '/api/profiles/user_id/wang')
  expect(wang).toMatchObject({ traits: { city: '杭州' }, tags: [] })
  expect(Object.keys(wang.traits)).toEqual(['city'])
  expect((await shop.api.call<{ traits: object }>('GET', '/api/profiles/user_id/lin')).traits).toEqual({})
  const known = await shop.zhike.core.stores.postgres.query<{ key: string }>('select key from observed_traits')
  expect(known.map(({ key }) => key)).toEqual(['city'])
})

test('assignments follow the person through a merge', async () => {
  await shop.send({ anonymousId: 'device-7', event: 'Page Viewed' })
  await shop.flush()
  expect(await assign('phone_vip', { identifier: { namespace: 'anonymous_id', value: 'device-7' }, value: 'black' })).toMatchObject({
    accepted: 1,
  })
  await shop.send({ userId: 'zhao', anonymousId: 'device-7', event: 'Page Viewed' })
  await shop.flush()
  expect(await shop.portraitOf('zhao')).toMatchObject({ tags: { phone_vip: 'black' } })
})

test('only manual tags are assigned', async () => {
  await shop.api.call('PUT', '/api/tags/active', { zh: '活跃', kind: 'rule', values: [{ value: true, rule: { event: 'Page Viewed' } }] })
  await assign('active', { ...lin, value: true }).then(
    () => expect.fail('a rule tag is not assigned'),
    error => expect(error).toMatchObject({ status: 409, code: 'not-manual' }),
  )
})
