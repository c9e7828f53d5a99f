import { audit } from '../access/audit.ts'
import type { Keys } from '../privacy/keys.ts'
import { Refusal, type RefusalDetail } from '../refusal.ts'
import type { Queryable } from '../store/postgres.ts'
import { numbers } from '../store/sql-arrays.ts'
import type { Hand } from './apply.ts'
import { decide } from './decide.ts'
import { identifiersOf, leavesOf, profileOfLeaf } from './find.ts'
import { type Graph, identifierOf, links, membersOf, rootOf } from './graph.ts'
import { type Head, type Loaded, Loader, lockHead } from './load.ts'
import { maskedIdentifiers } from './masked.ts'
import { identifierNamed, type KnownIdentifier, type NamedIdentifier, type NamedPerson } from './named.ts'
import type { StoredNamespaceRules } from './namespace-cache.ts'
import { type Obstacle, obstaclesBetween } from './obstacles.ts'
import { save } from './save.ts'
import { type Separation, unmerge } from './unmerge.ts'

/** What doing something by hand works with, all in one transaction. */
export interface HandWork {
  tx: Queryable
  rules: StoredNamespaceRules
  keys: Keys
  hand: Hand
}

export interface HandMerge {
  profile: string
  /** False where they were one person already. */
  merged: boolean
}

/**
 * Says that two are one person. The same core decides as for an event that carries both, and it is kept as evidence like one.
 * @throws Refusal 409 with what stands between them
 */
export async function mergeByHand(work: HandWork, a: NamedPerson, b: NamedPerson): Promise<HandMerge> {
  const { tx, rules, hand } = work
  const head = await lockHead(tx)
  const ends = [await endOf(work, a), await endOf(work, b)].sort((one, other) => one.rule.rank - other.rule.rank)
  if (ends[0]?.hash === ends[1]?.hash) return { profile: `${await profileOf(tx, ends[0])}`, merged: false }
  const loaded = await graphAround(tx, head, rules, ends)
  const { graph } = loaded
  refuseUnlinking(graph, ends)
  const roots = ends.map((_, slot) => rootOf(graph, identifierOf(graph, slot).leaf))
  if (roots[0] === roots[1] && roots[0] !== 0) return { profile: `${roots[0]}`, merged: false }

  const obstacles = obstaclesBetween(graph, partOf(graph, 0), partOf(graph, 1), hand.at)
  const fact = { position: 0, ts: hand.at, slots: [0, 1], what: 'together', rule: 'hand', source: hand.by } as const
  const outcome = decide(graph, [fact])
  const [one, other] = ends.map((_, slot) => rootOf(graph, identifierOf(graph, slot).leaf))
  if (outcome.conflicts.length > 0 || outcome.shared.length > 0 || one !== other || !one) throw await refusalOf(work, graph, obstacles)
  await save(tx, { head, facts: [fact], outcome, loaded, fresh: onlyStored })
  await supersedeReview(tx, one)
  await audit(tx, hand.at, {
    who: hand.by,
    did: 'identity.merge',
    what: `profile ${one}`,
    details: { with: roots.filter(root => root !== one) },
  })
  return { profile: `${one}`, merged: true }
}

export interface HandUnmerge {
  /** Who they are now. */
  profiles: string[]
  /** Leaves that were made because two people had been in one. */
  newLeaves: number[]
  /** Whether facts have to move; until the pipeline has done so, `POST /api/flush` waits for it. */
  factsMove: boolean
}

/** @throws Refusal 404 and 409 where there is nothing to undo */
export async function unmergeByHand(work: HandWork, separation: Separation): Promise<HandUnmerge> {
  const { tx, rules, hand } = work
  const { roots, newLeaves, reattributions } = await unmerge(tx, name => rules.ofStored(name), separation, hand)
  const profiles = new Set([...roots.flatMap(({ root, before }) => [before, root]), ...newLeaves.map(({ root }) => root)])
  for (const { from, to } of reattributions) for (const leaf of [from, to]) profiles.add(await profileOfLeaf(tx, leaf))
  const [first] = profiles
  await audit(tx, hand.at, {
    who: hand.by,
    did: 'identity.unmerge',
    what: `profile ${first ?? 'unchanged'}`,
    details: { profiles: [...profiles], newLeaves: newLeaves.length, reattributions: reattributions.length },
  })
  return {
    profiles: [...profiles].sort((a, b) => a - b).map(String),
    newLeaves: newLeaves.map(({ leaf }) => leaf),
    factsMove: reattributions.length > 0,
  }
}

/** Lets two identifiers get into one profile again; nothing is merged by that alone. */
export async function unblock(work: HandWork, a: NamedIdentifier, b: NamedIdentifier): Promise<void> {
  const { tx, rules, keys, hand } = work
  await lockHead(tx)
  const [one, other] = [await identifierNamed(tx, rules, keys, a), await identifierNamed(tx, rules, keys, b)]
  const lifted = await tx.query('delete from identity_blocks where (a = $1 and b = $2) or (a = $2 and b = $1) returning a', [
    one.hash,
    other.hash,
  ])
  if (lifted.length === 0)
    throw new Refusal(404, 'no-such-block', 'These two identifiers are not blocked; GET /api/profiles/{id}/identity lists those that are.')
  await tx.query('update identity_head set has_blocks = exists (select from identity_blocks)')
  await makeRoomForLinks(tx, one.hash, other.hash)
  await audit(tx, hand.at, { who: hand.by, did: 'identity.unblock', what: `${one.rule.name} and ${other.rule.name}` })
}

/** Links that were cut stay in the history, out of the way of a new one between the same two. */
async function makeRoomForLinks(tx: Queryable, a: string, b: string): Promise<void> {
  await tx.query(
    `update identity_edges e set generation = -1 - generation + (
       select least(min(old.generation), 0) from identity_edges old where old.anchor = e.anchor and old.other = e.other)
     where cut and generation >= 0 and ((anchor = $1 and other = $2) or (anchor = $2 and other = $1))`,
    [a, b],
  )
}

/** Keeps two identifiers out of one profile until that is lifted. */
export async function blockPair({ tx, hand }: HandWork, a: string, b: string): Promise<void> {
  await tx.query(
    `insert into identity_blocks (a, b, by, at) values ($1, $2, $3, to_timestamp($4::float8 / 1000)), ($2, $1, $3, to_timestamp($4::float8 / 1000))
     on conflict do nothing`,
    [a, b, hand.by, hand.at],
  )
  await tx.query('update identity_head set has_blocks = true')
}

/** The part of the graph around some identifiers; they are its first slots. */
export async function graphAround(
  tx: Queryable,
  head: Head,
  rules: StoredNamespaceRules,
  ends: readonly KnownIdentifier[],
): Promise<Loaded> {
  const loader = new Loader(tx, head, name => rules.ofStored(name))
  await loader.lookUp(ends)
  return loader.graphFor([{ slots: ends.map((_, slot) => slot), what: 'together' }])
}

/** Who an identifier stands for: its profile's identifiers, or only itself. */
export function partOf(graph: Graph, slot: number): readonly number[] {
  const { leaf } = identifierOf(graph, slot)
  const profile = leaf === 0 ? undefined : graph.profiles.get(rootOf(graph, leaf))
  return profile ? membersOf(profile) : [slot]
}

/** The identifier that stands for a person: the one that was named if it is strong, else the strongest that the person has. */
async function endOf(work: HandWork, named: NamedPerson): Promise<KnownIdentifier> {
  const { tx, rules, keys } = work
  if ('profile' in named) return strongestOf(work, await leavesOf(tx, Number(named.profile)))
  const known = await identifierNamed(tx, rules, keys, named)
  if (known.leaf === 0 || known.rule.linkClass !== 'weak') return known
  const mark = (await identifiersOf(tx, rules, keys, [known.leaf])).find(({ hash }) => hash === known.hash)
  return mark?.state === 'linked' ? strongestOf(work, await leavesOf(tx, known.leaf)) : known
}

async function strongestOf({ tx, rules, keys }: HandWork, leaves: readonly number[]): Promise<KnownIdentifier> {
  if (leaves.length === 0) throw new Refusal(404, 'no-such-profile', 'There is no profile with this id.')
  const [strongest] = (await identifiersOf(tx, rules, keys, leaves)).filter(({ state }) => state === 'linked')
  if (!strongest) throw new Refusal(409, 'nothing-links', 'This profile holds no identifier that could link it to another.')
  return identifierNamed(tx, rules, keys, { ref: strongest.hash })
}

async function profileOf(tx: Queryable, identifier: KnownIdentifier | undefined): Promise<number> {
  return profileOfLeaf(tx, identifier?.leaf ?? 0)
}

function refuseUnlinking(graph: Graph, ends: readonly KnownIdentifier[]): void {
  ends.forEach((_, slot) => {
    const identifier = identifierOf(graph, slot)
    if (links(graph, identifier)) return
    const { rule, special } = identifier
    const state = rule.linkClass === 'none' ? 'unlinked' : special?.blocked !== undefined && special.blocked !== 'no' ? 'blocked' : 'shared'
    throw new Refusal(409, `identifier-${state}`, sentences[state], [{ path: rule.name, message: `is ${state}` }])
  })
}

const sentences = {
  unlinked: 'An identifier of this namespace links nobody; name another identifier of the person, or change the class of the namespace.',
  blocked: 'This identifier is blocked and links nobody; name another identifier of the person.',
  shared: 'This identifier is shared by several people and links nobody; name another identifier of the person.',
} as const

async function refusalOf(work: HandWork, graph: Graph, obstacles: readonly Obstacle[]): Promise<Refusal> {
  const reason = obstacles[0]?.reason
  return new Refusal(409, reason ? `conflict-${reason}` : 'conflict', refused[reason ?? 'other'], await detailsOf(work, graph, obstacles))
}

const refused = {
  unique: 'These are two people: they have different values of an identifier of which a person has one. Nothing was changed.',
  limit: 'Together they would have more values of an identifier than a person may have. Nothing was changed.',
  'blocked-pair': 'Somebody has said that these are two people; lift that first with POST /api/identity/unblock. Nothing was changed.',
  other: 'Together they would break a limit or share an identifier. Nothing was changed.',
} as const

async function detailsOf({ tx, keys }: HandWork, graph: Graph, obstacles: readonly Obstacle[]): Promise<RefusalDetail[]> {
  const hashOf = (slot: number) => identifierOf(graph, slot).hash
  const masked = await maskedIdentifiers(
    tx,
    keys,
    obstacles.flatMap(({ slots }) => slots.map(hashOf)),
  )
  return obstacles.map(obstacle => {
    const shown = obstacle.slots.map(slot => masked(hashOf(slot)))
    if (obstacle.reason === 'blocked-pair')
      return { path: 'blocks', message: `${shown.map(({ namespace, value, ref }) => `${namespace} ${value} (${ref})`).join(' and ')}` }
    const values = shown.map(({ value }) => value).join(', ')
    return { path: obstacle.namespace, message: obstacle.reason === 'limit' ? `${values}: at most ${obstacle.limit}` : values }
  })
}

/** Questions about people who are one now need no answer any more. */
async function supersedeReview(tx: Queryable, profile: number): Promise<void> {
  await tx.query(
    `with held as (select hash from identifiers where leaf = any($1::bigint[]) and leaf > 0)
     update identity_review set state = 'superseded'
     where state = 'open' and kind = 'conflict' and subject in (select hash from held) and opponent in (select hash from held)`,
    [numbers(await leavesOf(tx, profile))],
  )
}

function onlyStored(): never {
  throw new Error('by hand only stored identifiers are linked')
}
