import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { identityStore } from '../../test/identity-store.ts'
import { anySeen, type Seen, world } from '../../test/identity-world.ts'
import type { Reattribution } from './regroup.ts'
import { type Separation, unmerge } from './unmerge.ts'

const store = await identityStore()
const { postgres, take, find, forget, partition } = store
const hand = { by: 'tester', at: 1_000_000 }

beforeEach(forget)

async function separate(separation: Separation) {
  const rules = await store.rules()
  return postgres.transaction(tx => unmerge(tx, name => rules.ofStored(name), separation, hand))
}

async function lastMerge(): Promise<number> {
  const [change] = await postgres.query<{ id: number }>("select id from identity_changes where kind = 'merge' order by id desc limit 1")
  return change?.id ?? 0
}

async function hashOf(namespace: string, value: string): Promise<string> {
  return (await find(namespace, value))?.hash ?? ''
}

async function who(namespace: string, value: string): Promise<number | undefined> {
  return (await find(namespace, value))?.profile
}

test('a split merge gives both people back, with their ids', async () => {
  await take({ user_id: 'u1', anonymous_id: 'a1' }, { phone: '19900000001', device_id: 'd1' })
  const before = [await partition(), await who('user_id', 'u1'), await who('phone', '19900000001')]
  await take({ user_id: 'u1', phone: '19900000001' })
  expect(await partition()).toHaveLength(1)
  const { reattributions } = await separate({ change: await lastMerge() })
  expect([await partition(), await who('user_id', 'u1'), await who('phone', '19900000001')]).toEqual(before)
  expect(reattributions).toEqual([])
})

test('what came after the merge goes with the identifiers it carried', async () => {
  await take({ user_id: 'u1' }, { phone: '19900000001' }, { user_id: 'u1', phone: '19900000001' })
  await take({ phone: '19900000001', anonymous_id: 'a-phone' }, { user_id: 'u1', anonymous_id: 'a-user' })
  await separate({ change: await lastMerge() })
  expect(await partition()).toEqual([
    ['anonymous_id=a-phone', 'phone=+8619900000001'],
    ['anonymous_id=a-user', 'user_id=u1'],
  ])
})

test('cutting an edge inside a leaf makes a new leaf and says which facts go there', async () => {
  await take({ user_id: 'u1', phone: '19900000001' }, { phone: '19900000001' })
  const user = await hashOf('user_id', 'u1')
  const phone = await hashOf('phone', '19900000001')
  const { reattributions, newLeaves } = await separate({ apart: [user, phone] })
  expect(newLeaves).toEqual([{ leaf: 2, root: 2 }])
  expect(reattributions).toEqual([{ from: 1, to: 2, hashes: [phone] }])
  expect([await who('user_id', 'u1'), await who('phone', '19900000001')]).toEqual([1, 2])
  expect(await postgres.query('select from_leaf, to_leaf, hashes[1]::text as hash, done_at from identity_reattributions')).toEqual([
    { from_leaf: 1, to_leaf: 2, hash: phone, done_at: null },
  ])
})

test('a phone typed wrong once is taken off again, and stays off', async () => {
  await take({ user_id: 'u1', phone: '19900000001' }, { user_id: 'u1', phone: '19900000009' })
  await separate({ take: await hashOf('phone', '19900000009') })
  expect(await who('phone', '19900000009')).not.toBe(await who('user_id', 'u1'))
  expect(await who('phone', '19900000001')).toBe(await who('user_id', 'u1'))
  const { conflicts } = await take({ user_id: 'u1', phone: '19900000009' })
  expect(conflicts).toBe(1)
  expect(await who('phone', '19900000009')).not.toBe(await who('user_id', 'u1'))
})

test('people that were separated do not meet again through somebody else', async () => {
  await take({ user_id: 'u1', phone: '19900000001' })
  await separate({ apart: [await hashOf('user_id', 'u1'), await hashOf('phone', '19900000001')] })
  await take({ user_id: 'u1', email: 'a@example.com' }, { email: 'a@example.com', phone: '19900000001' })
  expect(await who('phone', '19900000001')).not.toBe(await who('user_id', 'u1'))
  expect(await postgres.query("select reason from identity_review where kind = 'conflict'")).toEqual([{ reason: 'blocked-pair' }])
})

test('a device that both used after a wrong merge is shared once they are apart', async () => {
  await take({ user_id: 'u1' }, { phone: '19900000001' }, { user_id: 'u1', phone: '19900000001' })
  await take({ user_id: 'u1', device_id: 'd1' }, { phone: '19900000001', device_id: 'd1' }, { device_id: 'd1' })
  expect((await find('device_id', 'd1'))?.state).toBe('linked')
  const { reattributions } = await separate({ change: await lastMerge() })
  const device = await find('device_id', 'd1')
  expect(device?.state).toBe('shared')
  expect(reattributions).toMatchObject([{ from: 1, to: device?.leaf, hashes: [device?.hash], since: 5 }])
})

test('a conflict that only the wrong merge caused is none any more', async () => {
  const phones = ['19900000001', '19900000002', '19900000003', '19900000004', '19900000005']
  await take(
    ...phones.slice(0, 2).map(phone => ({ user_id: 'u1', phone })),
    ...phones.slice(2, 3).map(phone => ({ email: 'a@example.com', phone })),
  )
  await take({ user_id: 'u1', email: 'a@example.com' })
  const { conflicts } = await take({ email: 'a@example.com', phone: phones[3] ?? '' })
  expect(conflicts).toBe(1)
  await separate({ change: await lastMerge() })
  expect(await who('phone', phones[3] ?? '')).toBe(await who('email', 'a@example.com'))
})

test('a merge can be split once', async () => {
  await take({ user_id: 'u1' }, { phone: '19900000001' }, { user_id: 'u1', phone: '19900000001' })
  const change = await lastMerge()
  await separate({ change })
  await expect(separate({ change })).rejects.toMatchObject({ status: 409, code: 'already-apart' })
  await expect(separate({ change: 999_999 })).rejects.toMatchObject({ status: 404 })
})

interface StoredFact {
  leaf: number
  /** Signed; the first chose the leaf. */
  hashes: string[]
  position: number
}

function reattributed(facts: readonly StoredFact[], instructions: readonly Reattribution[]): StoredFact[] {
  return instructions.reduce<StoredFact[]>(
    (all, { from, to, hashes, since = 0, until = Number.POSITIVE_INFINITY, instead = [] }) =>
      all.map(fact => {
        if (fact.leaf !== from || fact.position < since || fact.position >= until || !hashes.includes(fact.hashes[0] ?? '')) return fact
        const other = fact.hashes.flatMap(hash => instead.find(one => one.hash === hash) ?? [])[0]
        return { ...fact, leaf: other?.leaf ?? to }
      }),
    [...facts],
  )
}

/** Of two member numbers in one event, the first that came decides; found by chance. */
const equallyStrong: Seen[] = [
  { user_id: ['u1'], member_id: ['m2'] },
  { user_id: ['u2'], member_id: ['m1'] },
  { 'openid:wx1': ['o1'] },
  { user_id: ['u1'], 'openid:wx1': ['o1'] },
  { member_id: ['m2', 'm1'], unionid: ['w2'] },
]

test('after a merge is split, everybody is what they would have been without it', async () => {
  let checked = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anySeen, { minLength: 3, maxLength: 25 }), fc.nat(), async (history, choice) => {
      await forget()
      const facts: StoredFact[] = []
      const { facts: resolved } = await take(...history)
      resolved.forEach((fact, index) => {
        if ('leaf' in fact) facts.push({ leaf: fact.leaf, hashes: signed(fact.identifiers), position: index + 1 })
      })
      const merges = await postgres.query<MergeRow>(
        `select id, seq, survivor_hash::text as survivor, merged_hash::text as merged
         from identity_changes where kind = 'merge' order by id`,
      )
      const merge = merges[choice % Math.max(merges.length, 1)]
      fc.pre(merge !== undefined)
      const names = await namesOf([merge.survivor, merge.merged])
      const { reattributions } = await separate({ change: merge.id })
      const sides = await sidesOf(history[merge.seq] ?? {}, merge)

      const without = world()
      if (names[0] && names[1]) without.block(names[0], names[1])
      const [anchor] = await namesOf([facts.find(({ position }) => position === merge.seq + 1)?.hashes[0] ?? ''])
      if (anchor) for (const other of sides[1]) without.block(anchor, other)
      const expected: number[] = []
      history.forEach((seen, index) => {
        if (index !== merge.seq) {
          expected.push(...without.take(seen).leaves)
          return
        }
        const [near, far] = sides.map(side => seenOf(side))
        expected.push(...without.take(near ?? {}).leaves)
        if (Object.keys(far ?? {}).length > 0) without.take(far ?? {})
      })
      // That an event carried more than two is evidence as a whole only where it was a conflict; otherwise what it newly brought is.
      const conflicts = await conflictsOf()
      fc.pre(without.conflicts.every(all => all.length === 2 || conflicts.has(all.map(asStored).sort().join())))
      expect(withCompany(await partition())).toEqual(withCompany(without.partition()))
      const roots = new Map(
        (await postgres.query<{ leaf: number; root: number }>('select leaf, root from leaves')).map(({ leaf, root }) => [leaf, root]),
      )
      const shared = await everShared()
      const quiet = facts.map((_, index) => index).filter(index => !facts[index]?.hashes.some(hash => shared.has(hash)))
      const actual = reattributed(facts, reattributions).map(({ leaf }) => roots.get(leaf) ?? 0)
      const people = expected.map(leaf => without.graph.rootOf.get(leaf) ?? leaf)
      expect(grouping(quiet.map(index => actual[index] ?? 0))).toEqual(grouping(quiet.map(index => people[index] ?? 0)))
      checked += 1
    }),
    { numRuns: Number(process.env.RUNS ?? 40), examples: [[equallyStrong, 0]] },
  )
  expect(checked).toBeGreaterThan(10)
}, 600_000)

interface MergeRow {
  id: number
  seq: number
  survivor: string
  merged: string
}

type Name = readonly [namespace: string, value: string]

/** What the event carried: with its strongest identifier, and cut off from it. */
async function sidesOf(seen: Seen, { seq }: MergeRow): Promise<[Name[], Name[]]> {
  const names = Object.entries(seen).flatMap(([namespace, values]) => [values].flat().map((value): Name => [namespace, value]))
  const cut = await postgres.query<{ hash: string }>('select distinct other::text as hash from identity_edges where seq = $1 and cut', [
    seq,
  ])
  const far = await namesOf(cut.map(({ hash }) => hash))
  const isFar = ([namespace, value]: Name) => far.some(name => name && asStored(name) === asStored([namespace, value]))
  return [names.filter(name => !isFar(name)), names.filter(isFar)]
}

async function conflictsOf(): Promise<Set<string>> {
  const rows = await postgres.query<{ hashes: string }>("select array_to_string(hashes, ' ') as hashes from identity_conflicts")
  const sets = await Promise.all(rows.map(({ hashes }) => namesOf(hashes.split(' '))))
  return new Set(
    sets.map(names =>
      names
        .flatMap(name => (name ? [asStored(name)] : []))
        .sort()
        .join(),
    ),
  )
}

function asStored([namespace, value]: Name): string {
  return `${namespace}=${/^1\d{10}$/.test(value) ? `+86${value}` : value}`
}

/** What such identifiers brought is looked at in stories: who decides a message can change when a third thing is shared or no longer. */
async function everShared(): Promise<Set<string>> {
  const rows = await postgres.query<{ hash: string }>('select hash::text from special_identifiers where own > 0')
  return new Set(rows.map(({ hash }) => hash))
}

async function namesOf(hashes: readonly string[]): Promise<(Name | undefined)[]> {
  const rows = await postgres.query<{ hash: string; namespace: string; sealed: Buffer }>(
    'select hash::text, namespace, sealed from identifiers',
  )
  return hashes.map(hash => {
    const row = rows.find(one => one.hash === hash)
    return row && [row.namespace, store.keys.open(row.sealed, `identifier:${row.namespace}`).toString()]
  })
}

function seenOf(names: readonly Name[]): Seen {
  return Object.fromEntries(
    [...Map.groupBy(names, ([namespace]) => namespace)].map(([namespace, all]) => [namespace, all.map(([, value]) => value)]),
  )
}

function signed(identifiers: string): string[] {
  return (JSON.parse(identifiers) as string[]).map(hash => BigInt.asIntN(64, BigInt(hash)).toString())
}

/** An identifier alone may be nobody's or a person without facts: that is the same to see. Facts say the rest. */
function withCompany(people: readonly string[][]): string[][] {
  return people.filter(members => members.length > 1)
}

/** Which facts are of the same person, without saying who. */
function grouping(people: readonly number[]): number[] {
  return people.map(person => people.indexOf(person))
}
