import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyHistory, anySeen, asSeen, type Seen, world } from '../../test/identity-world.ts'
import { defaultNamespaces } from './namespaces.ts'

test('strong identifiers that come together are one person, and the older profile id survives', () => {
  const w = world()
  const phone = w.profileAfter({ phone: '19900000001' })
  const user = w.profileAfter({ user_id: 'u1' })
  expect(user).not.toBe(phone)
  w.take({ user_id: 'u1', phone: '19900000001' })
  expect([w.who('user_id', 'u1'), w.who('phone', '19900000001')]).toEqual([phone, phone])
})

test('anonymous history joins the person at recognition', () => {
  const w = world()
  const visitor = w.profileAfter({ anonymous_id: 'a1' })
  w.take({ anonymous_id: 'a1', user_id: 'u1' })
  expect(w.who('user_id', 'u1')).toBe(visitor)
})

test('the same text under two appids is two people', () => {
  const w = world()
  w.take({ 'openid:wx1': 'o1', anonymous_id: 'a1' }, { 'openid:wx2': 'o1', anonymous_id: 'a2' })
  expect(w.who('openid:wx1', 'o1')).not.toBe(w.who('openid:wx2', 'o1'))
})

test('an openid without its appid links nobody', () => {
  const w = world()
  w.take({ openid: 'o1', user_id: 'u1' }, { openid: 'o1', user_id: 'u2' })
  expect(w.who('user_id', 'u1')).not.toBe(w.who('user_id', 'u2'))
  expect(w.counts).toMatchObject({ conflicts: 0, shared: 0 })
})

test('an unknown type is kept, links nobody, and carries an event that has nothing else', () => {
  const w = world()
  w.take({ user_id: 'u1', loyalty_card: 'c1' }, { user_id: 'u2', loyalty_card: 'c1' })
  expect(w.who('user_id', 'u1')).not.toBe(w.who('user_id', 'u2'))
  const alone = w.profileAfter({ loyalty_card: 'c1' })
  expect([0, w.who('user_id', 'u1'), w.who('user_id', 'u2')]).not.toContain(alone)
  expect(w.profileAfter({ loyalty_card: 'c1' })).toBe(alone)
})

test('unique identifiers that disagree are a conflict: the strongest gets the event and nothing links', () => {
  const w = world()
  w.take({ user_id: 'u1', phone: '19900000001' })
  const owner = w.who('phone', '19900000001')
  const newcomer = w.profileAfter({ user_id: 'u2', phone: '19900000001', 'openid:wx1': 'o2', anonymous_id: 'a2' })
  expect(newcomer).toBe(w.who('user_id', 'u2'))
  expect(newcomer).not.toBe(owner)
  expect(w.who('phone', '19900000001')).toBe(owner)
  expect([w.who('openid:wx1', 'o2'), w.who('anonymous_id', 'a2')]).toEqual([0, 0])
  expect(w.counts.conflicts).toBe(1)
})

test('two accounts in one message are never merged by an alias', () => {
  const w = world()
  w.take({ user_id: ['u1', 'u2'] })
  expect(w.who('user_id', 'u2')).toBe(0)
  expect(w.counts.conflicts).toBe(1)
})

test('equally strong identifiers go by the order in the payload', () => {
  const w = world()
  w.take({ phone: '19900000001' }, { phone: '19900000002' }, { phone: '19900000003' }, { phone: '19900000004' })
  const last = w.profileAfter({ phone: ['19900000004', '19900000001', '19900000002', '19900000003'] })
  expect(last).toBe(w.who('phone', '19900000004'))
  expect(w.counts).toMatchObject({ conflicts: 1, merges: 0 })
})

test('the tablet on the counter, 500 people: nobody is welded together, and it is reported as shared', () => {
  const w = world()
  const people = Array.from({ length: 500 }, (_, index) => `199${String(index).padStart(8, '0')}`)
  for (const phone of people) w.take({ phone, device_id: 'tablet', anonymous_id: 'tablet-browser' })
  expect(new Set(people.map(phone => w.who('phone', phone))).size).toBe(500)
  expect([w.mark('device_id', 'tablet'), w.mark('anonymous_id', 'tablet-browser')]).toEqual(['shared', 'shared'])
  const alone = w.profileAfter({ device_id: 'tablet' })
  expect(people.map(phone => w.who('phone', phone))).not.toContain(alone)
  expect(w.counts).toMatchObject({ merges: 0, conflicts: 0 })
  expect(w.counts.suspicious).toContain('hub')
})

test('what a shared device did before it was shared stays with its first person', () => {
  const w = world()
  w.take({ user_id: 'u1', device_id: 'd1' })
  expect(w.profileAfter({ device_id: 'd1' })).toBe(w.who('user_id', 'u1'))
  w.take({ user_id: 'u2', device_id: 'd1' })
  expect(w.profileAfter({ device_id: 'd1' })).toBe(w.who('device_id', 'd1'))
  expect(w.who('device_id', 'd1')).not.toBe(w.who('user_id', 'u1'))
})

test('login switching on one phone keeps people apart', () => {
  const w = world()
  for (const user_id of ['u1', 'u2', 'u1', 'u2', 'u1'])
    w.take({ user_id, device_id: 'd1', anonymous_id: 'a1' }, { device_id: 'd1', anonymous_id: 'a1' })
  expect(w.who('user_id', 'u1')).not.toBe(w.who('user_id', 'u2'))
  expect(w.counts.merges).toBe(0)
})

test('sharing is lifted when the people turn out to be one', () => {
  const w = world()
  w.take({ user_id: 'u1', device_id: 'd1' }, { phone: '19900000001', device_id: 'd1' })
  expect(w.mark('device_id', 'd1')).toBe('shared')
  w.take({ user_id: 'u1', phone: '19900000001' })
  expect(w.mark('device_id', 'd1')).toBe('linked')
  expect(w.who('device_id', 'd1')).toBe(w.who('user_id', 'u1'))
})

test('mother and daughter on one member number stay two people, and the number answers for itself', () => {
  const w = world()
  w.take({ user_id: 'mother', member_id: 'm1' })
  const daughter = w.profileAfter({ user_id: 'daughter', member_id: 'm1', 'openid:wx1': 'o-daughter' })
  expect(daughter).toBe(w.who('openid:wx1', 'o-daughter'))
  expect(daughter).not.toBe(w.who('user_id', 'mother'))
  expect(w.mark('member_id', 'm1')).toBe('shared')
  expect([w.who('user_id', 'mother'), daughter]).not.toContain(w.profileAfter({ member_id: 'm1' }))
  expect(w.counts.conflicts).toBe(0)
})

test('a member number links like a strong identifier while nobody disagrees', () => {
  const w = world()
  w.take({ phone: '19900000001', member_id: 'm1' }, { member_id: 'm1', email: 'a@example.com' })
  expect(w.who('email', 'a@example.com')).toBe(w.who('phone', '19900000001'))
})

test('one person with two phones is one person', () => {
  const w = world()
  w.take({ user_id: 'u1', phone: '19900000001' }, { user_id: 'u1', phone: '19900000002' })
  expect(w.who('phone', '19900000001')).toBe(w.who('phone', '19900000002'))
})

test('a recycled phone number does not weld its old and new owner', () => {
  const w = world()
  w.take({ user_id: 'old', phone: '19900000001' }, { user_id: 'new', phone: '19900000001' })
  expect(w.who('user_id', 'new')).not.toBe(w.who('user_id', 'old'))
  w.take({ unbind: { phone: '19900000001' } }, { user_id: 'new', phone: '19900000001' })
  expect(w.who('phone', '19900000001')).toBe(w.who('user_id', 'new'))
  expect(w.who('user_id', 'new')).not.toBe(w.who('user_id', 'old'))
})

test("the cashier's phone on 300 orders ends up blocked, and every customer is somebody", () => {
  const w = world()
  const customers = Array.from({ length: 300 }, (_, index) => `m${index}`)
  for (const member_id of customers) w.take({ member_id, phone: '19900000001' })
  expect(w.mark('phone', '19900000001')).toBe('blocked')
  const late = customers.slice(-200).map(member => w.who('member_id', member))
  expect(new Set(late).size).toBe(200)
  expect(w.counts.merges).toBe(0)
  expect(w.counts.suspicious).toEqual(['proposed', 'blocked'])
})

test("the cashier's phone on orders of known accounts joins none of them", () => {
  const w = world()
  const users = Array.from({ length: 300 }, (_, index) => `u${index}`)
  for (const user_id of users) w.take({ user_id, phone: '19900000001' })
  expect(new Set(users.map(user => w.who('user_id', user))).size).toBe(300)
  expect(w.counts.conflicts).toBeLessThan(30)
})

test('what is taken off a person is nobody’s, and what it brought before stays', () => {
  const w = world()
  const person = w.profileAfter({ user_id: 'u1', phone: '19900000001' })
  expect(w.profileAfter({ unbind: { phone: '19900000001' } })).toBe(person)
  expect(w.who('phone', '19900000001')).toBe(0)
  const next = w.profileAfter({ phone: '19900000001' })
  expect(next).not.toBe(person)
  expect(w.who('user_id', 'u1')).toBe(person)
})

test('a weak identifier beyond its limit stays unlinked, without a conflict', () => {
  const w = world(defaultNamespaces.map(document => (document.key === 'anonymous_id' ? { ...document, limit: 2 } : document)))
  w.take({ user_id: 'u1', anonymous_id: 'a1' }, { user_id: 'u1', anonymous_id: 'a2' })
  expect(w.profileAfter({ user_id: 'u1', anonymous_id: 'a3' })).toBe(w.who('user_id', 'u1'))
  expect(w.who('anonymous_id', 'a3')).toBe(0)
  expect(w.profileAfter({ anonymous_id: 'a3' })).not.toBe(w.who('user_id', 'u1'))
  expect(w.counts.conflicts).toBe(0)
})

test('weak identifiers of two people say nothing about who it is: nothing links, and both stay whose they are', () => {
  const w = world()
  w.take({ user_id: 'u1', device_id: 'd1' }, { user_id: 'u2', anonymous_id: 'a2' })
  expect(w.profileAfter({ device_id: 'd1', anonymous_id: ['a2', 'a9'] })).toBe(w.who('user_id', 'u1'))
  expect([w.who('anonymous_id', 'a2'), w.who('anonymous_id', 'a9')]).toEqual([w.who('user_id', 'u2'), 0])
})

test('a limit with a window counts what was linked within it', () => {
  const w = world(defaultNamespaces.map(document => (document.key === 'phone' ? { ...document, limit: 1, window: '1h' } : document)))
  w.take({ user_id: 'u1', phone: '19900000001' }, { user_id: 'u1', phone: '19900000002' })
  expect(w.counts.conflicts).toBe(1)
  w.take(...Array.from({ length: 3600 }, () => ({ user_id: 'u1' })), { user_id: 'u1', phone: '19900000003' })
  expect(w.counts.conflicts).toBe(1)
  expect(w.who('phone', '19900000003')).toBe(w.who('user_id', 'u1'))
})

const uniqueNamespaces = ['user_id', 'unionid']
const isWeak = (name: string) => /^(device|anonymous)_id\b/.test(name)

test('unique identifiers never share a profile, and strong ones keep their limits, whatever happens', () => {
  fc.assert(
    fc.property(anyHistory, history => {
      const w = world()
      w.take(...history)
      for (const members of w.partition()) {
        const count = (namespace: string) => members.filter(member => member.startsWith(`${namespace}=`)).length
        for (const namespace of uniqueNamespaces) expect(count(namespace)).toBeLessThanOrEqual(1)
        expect(count('phone')).toBeLessThanOrEqual(3)
        expect(count('openid:wx1')).toBeLessThanOrEqual(1)
      }
    }),
    { numRuns: 500 },
  )
})

test('weak identifiers never change which strong ones are together', () => {
  fc.assert(
    fc.property(fc.array(anySeen, { maxLength: 30 }), history => {
      const strongOnly = (seen: Seen) => Object.fromEntries(Object.entries(seen).filter(([namespace]) => !isWeak(namespace)))
      const withWeak = world()
      withWeak.take(...history)
      const without = world()
      without.take(...history.map(strongOnly).filter(seen => Object.keys(seen).length > 0))
      const strongPart = (members: string[]) => members.filter(member => !isWeak(member))
      expect(
        withWeak
          .partition()
          .map(strongPart)
          .filter(members => members.length > 0)
          .sort(),
      ).toEqual(without.partition().sort())
    }),
    { numRuns: 500 },
  )
})

test('any batching gives the same as one fact after the other', () => {
  fc.assert(
    fc.property(anyHistory, history => {
      const [one, many] = [world(), world()]
      const together = many.take(...history).leaves
      expect(history.flatMap(happened => one.take(happened).leaves)).toEqual(together)
      expect(one.partition()).toEqual(many.partition())
    }),
    { numRuns: 300 },
  )
})

/** Messages of people who share nothing: a subset of one person's identifiers each. */
const people = Array.from({ length: 4 }, (_, index) => [
  { namespace: 'user_id', value: `u${index}` },
  { namespace: 'phone', value: `1990000000${index}` },
  { namespace: 'phone', value: `1990000001${index}` },
  { namespace: 'openid:wx1', value: `o${index}` },
  { namespace: 'email', value: `p${index}@example.com` },
  { namespace: 'device_id', value: `d${index}` },
  { namespace: 'anonymous_id', value: `a${index}` },
  { namespace: 'anonymous_id', value: `b${index}` },
])
const peacefulHistory = fc.array(
  fc.constantFrom(...people).chain(person => fc.subarray(person, { minLength: 1, maxLength: 3 })),
  { maxLength: 40 },
)

test('without conflicts and sharing, people are the connected components, in any order', () => {
  let checked = 0
  fc.assert(
    fc.property(
      peacefulHistory.chain(history => fc.tuple(fc.constant(history), fc.shuffledSubarray(history, { minLength: history.length }))),
      ([history, shuffled]) => {
        const w = world()
        w.take(...shuffled.map(asSeen))
        fc.pre(w.counts.conflicts === 0 && w.counts.shared === 0)
        expect(w.partition()).toEqual(componentsOf(history))
        checked += history.length > 5 ? 1 : 0
      },
    ),
    { numRuns: 500 },
  )
  expect(checked).toBeGreaterThan(100)
})

/** Plain connected components: whatever came together, directly or through others. */
function componentsOf(history: readonly { namespace: string; value: string }[][]): string[][] {
  let components: Set<string>[] = []
  for (const identifiers of history) {
    const names = identifiers.map(({ namespace, value }) => `${namespace}=${namespace === 'phone' ? `+86${value}` : value}`)
    const touched = components.filter(component => names.some(name => component.has(name)))
    components = [
      ...components.filter(component => !touched.includes(component)),
      new Set([...names, ...touched.flatMap(component => [...component])]),
    ]
  }
  return components.map(component => [...component].sort()).sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1))
}

test('what is repeated changes nothing while nobody is in dispute', () => {
  fc.assert(
    fc.property(peacefulHistory, history => {
      const w = world()
      const happened = history.map(asSeen)
      const first = w.take(...happened).leaves
      fc.pre(w.counts.conflicts === 0 && w.counts.shared === 0)
      const before = w.partition()
      const again = w.take(...happened)
      expect(w.partition()).toEqual(before)
      expect(again.leaves).toEqual(first)
      expect(again).toMatchObject({ created: [], merges: [], conflicts: [], shared: [] })
    }),
    { numRuns: 300 },
  )
})
