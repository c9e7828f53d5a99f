import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { identityStore, leavesIn } from '../../test/identity-store.ts'
import { anyHistory, factOf, type Happened, world } from '../../test/identity-world.ts'
import { connectPostgres } from '../store/postgres.ts'
import { identifiersOf, leavesOf } from './find.ts'
import { identityWith, type Resolution } from './resolve.ts'

const store = await identityStore()
const { postgres, postgresUrl, identity, reader, take, forget, find, partition, everything } = store

beforeEach(forget)

/** A history in batches, cut anywhere. */
const batched = anyHistory.chain(facts =>
  fc.tuple(fc.constant(facts), fc.array(fc.boolean(), { minLength: facts.length, maxLength: facts.length })),
)

test('whatever the batches, the store comes to what one graph in memory comes to', async () => {
  await fc.assert(
    fc.asyncProperty(batched, async ([facts, cuts]) => {
      await forget()
      const w = world()
      const expected = w.take(...facts).leaves
      const leaves: number[] = []
      let batch: Happened[] = []
      for (const [index, fact] of facts.entries()) {
        batch.push(fact)
        if (!cuts[index] && index < facts.length - 1) continue
        leaves.push(...leavesIn(await take(...batch)))
        batch = []
      }
      expect(leaves).toEqual(expected)
      expect(await partition()).toEqual(w.partition())
    }),
    { numRuns: 60 },
  )
})

test('a range that is taken again answers the same and changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(anyHistory, async facts => {
      await forget()
      const first = await take(...facts)
      const before = await everything()
      store.rewind()
      const again = await take(...facts)
      expect(again).toMatchObject({ created: 0, merged: 0, conflicts: 0, changedRoots: [] })
      expect(leavesIn(again).map(leaf => leaf > 0)).toEqual(leavesIn(first).map(leaf => leaf > 0))
      expect(await everything()).toEqual(before)
    }),
    { numRuns: 40 },
  )
})

test('two workers at once come to what one would', async () => {
  const other = connectPostgres(postgresUrl)
  try {
    for (let round = 0; round < 20; round += 1) {
      await forget()
      const [one, two] = fc.sample(anyHistory, { numRuns: 2, seed: round }) as [Happened[], Happened[]]
      const inPartition = (facts: Happened[], partition: number) => facts.map((fact, index) => factOf(fact, partition * 2 ** 48 + index))
      await Promise.all([
        postgres.transaction(tx => identity.resolve(tx, inPartition(one, 0))),
        other.transaction(tx => identityWith(store.keys).resolve(tx, inPartition(two, 1))),
      ])
      const orders = [
        [...one, ...two],
        [...two, ...one],
      ].map(facts => {
        const w = world()
        w.take(...facts)
        return JSON.stringify(w.partition())
      })
      expect(orders).toContain(JSON.stringify(await partition()))
    }
  } finally {
    await other.close()
  }
})

test('a worker waits for the one before, and sees what it decided', async () => {
  const other = connectPostgres(postgresUrl)
  try {
    let committed = false
    let second: Promise<Resolution> | undefined
    await postgres.transaction(async tx => {
      await identity.resolve(tx, [factOf({ user_id: 'u1' }, 1)])
      second = other.transaction(async tx2 => {
        const resolution = await identity.resolve(tx2, [factOf({ user_id: 'u1' }, 2 ** 48 + 1)])
        expect(committed).toBe(true)
        return resolution
      })
      await new Promise(resolve => setTimeout(resolve, 100))
      committed = true
    })
    expect(await second).toMatchObject({ created: 0, facts: [{ leaf: 1 }] })
  } finally {
    await other.close()
  }
})

test('a batch that fails leaves nothing behind', async () => {
  await expect(
    postgres.transaction(async tx => {
      await identity.resolve(tx, [factOf({ user_id: 'u1' }, 1)])
      throw new Error('on purpose')
    }),
  ).rejects.toThrow('on purpose')
  expect(await take({ user_id: 'u2' })).toMatchObject({ facts: [{ leaf: 1 }] })
})

test('what a failed batch taught is forgotten, even if another worker has taken as many facts since', async () => {
  const [one, other] = [identityWith(store.keys), identityWith(store.keys)]
  await expect(
    postgres.transaction(async tx => {
      await one.resolve(tx, [factOf({ user_id: 'u1' }, 1)])
      await one.resolve(tx, [factOf({ user_id: 'u1' }, 2)])
      throw new Error('on purpose')
    }),
  ).rejects.toThrow('on purpose')
  await postgres.transaction(tx => other.resolve(tx, [factOf({ user_id: 'u2' }, 1), factOf({ user_id: 'u2' }, 2)]))
  expect(leavesIn(await postgres.transaction(tx => one.resolve(tx, [factOf({ user_id: 'u1' }, 3)])))).toEqual([2])
})

test('null, 0, undefined and an id of 10 kB are nobody’s, and a good identifier beside them is enough', async () => {
  const bad = ['null', '0', 'undefined', '0000-0000', '-', ' ', 'x'.repeat(10_000)]
  const { facts } = await take(...bad.map(user_id => ({ user_id })), ...bad.map(user_id => ({ user_id, anonymous_id: 'a1' })))
  expect(facts.slice(0, 7).map(fact => ('refused' in fact ? fact.refused.code : 'taken'))).toEqual([
    ...Array.from({ length: 5 }, () => 'identifier-blocked'),
    'identifier-empty',
    'identifier-too-long',
  ])
  expect(new Set(facts.slice(7).map(fact => ('leaf' in fact ? fact.leaf : 0)))).toEqual(new Set([1]))
  expect(await postgres.query('select namespace from identifiers')).toEqual([{ namespace: 'anonymous_id' }])
})

test('a refusal never carries the value', async () => {
  const { facts } = await take({ phone: '199-secret-0001' })
  expect(JSON.stringify(facts)).not.toContain('secret')
})

test('clear values are stored sealed only', async () => {
  await take({ phone: '19900000001', user_id: 'someone' })
  const text = JSON.stringify(await everything())
  expect(text).not.toMatch(/19900000001|someone/)
  const hex = (value: string) => Buffer.from(value).toString('hex')
  expect(text).not.toContain(hex('19900000001'))
})

test('an identifier answers with its profile, however it is written', async () => {
  await take({ phone: '199 0000 0001', user_id: 'u1' })
  const byUser = await find('user_id', ' u1 ')
  expect(await find('phone', '0086-199-0000-0001')).toMatchObject({ profile: byUser?.profile, state: 'linked' })
  expect(await find('phone', '+86 １９９００００００01')).toMatchObject({ profile: byUser?.profile })
  expect(await find('phone', '19900000002')).toBeUndefined()
})

test('a merged-away id answers with the survivor, which lists all identifiers masked', async () => {
  await take({ phone: '19900000001' }, { user_id: 'user-number-1' }, { phone: '19900000001', user_id: 'user-number-1' })
  expect(await leavesOf(postgres, 2)).toEqual([1, 2])
  const held = await identifiersOf(postgres, await reader.rules(postgres), store.keys, [1, 2])
  expect(held.map(({ namespace, masked, leaf }) => [namespace, masked, leaf])).toEqual([
    ['user_id', 'use****r-1', 2],
    ['phone', '+86199****0001', 1],
  ])
})

test('a shared identifier answers with a leaf of its own, marked', async () => {
  await take({ user_id: 'u1', device_id: 'd1' }, { user_id: 'u2', device_id: 'd1' })
  const device = await find('device_id', 'd1')
  expect(device?.state).toBe('shared')
  expect([(await find('user_id', 'u1'))?.profile, (await find('user_id', 'u2'))?.profile]).not.toContain(device?.profile)
})

test('changed roots tell the mirror about every leaf that is another profile’s now', async () => {
  const { changedRoots } = await take(
    { phone: '19900000001' },
    { email: 'a@example.com' },
    { phone: '19900000001', email: 'a@example.com' },
  )
  expect(changedRoots).toEqual([{ leaf: 2, root: 1 }])
})

test('hashes are read as they were when the event was taken, with what chose the leaf first', async () => {
  const { facts } = await take(
    { member_id: 'm1', user_id: 'u1' },
    { member_id: 'm1', user_id: 'u2' },
    { member_id: 'm1', 'openid:wx1': 'o9' },
  )
  const events = [
    [
      { namespace: 'member_id', value: 'm1' },
      { namespace: 'openid:wx1', value: 'o9' },
    ],
  ]
  const last = facts[2]
  if (!last || !('leaf' in last)) throw new Error('the event belongs to its openid')
  expect(await reader.hashesOf(postgres, events, [last.leaf])).toEqual([last.identifiers])
})
