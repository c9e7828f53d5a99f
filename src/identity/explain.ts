import type { Identifier } from '../collect/event.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import { numbers } from '../store/sql-arrays.ts'
import { graphAround, partOf } from './by-hand.ts'
import { identifiersOf, leavesOf } from './find.ts'
import { type Graph, identifierOf, isShared, rootOf } from './graph.ts'
import { maskOf } from './mask.ts'
import { type MaskedIdentifier, maskedIdentifiers } from './masked.ts'
import { type KnownIdentifier, knownIdentifier } from './named.ts'
import type { StoredNamespaceRules } from './namespace-cache.ts'
import type { Fault } from './normalise.ts'
import { obstaclesBetween } from './obstacles.ts'
import { type ConflictView, conflictsWith, conflictView, currentLink, type LinkRow, type LinkView, linkView } from './view.ts'
import { type Verdict, wordingOf } from './why-words.ts'

/** Whether two identifiers are one person, and why. */
export interface Explanation {
  onePerson: boolean
  code: Verdict
  sentence: { zh: string; en: string }
  a: Standing
  b: Standing
  /** The shortest way of links from `a` to `b`, where they are one person. */
  path: LinkView[]
  /** What stands between them. */
  obstacles: { reason: string; namespace?: string; identifiers: MaskedIdentifier[] }[]
  /** Events that carried identifiers of both and were kept apart. */
  conflicts: ConflictView[]
}

export interface Standing {
  namespace: string
  /** Masked. */
  value: string
  ref?: string
  state: 'unusable' | 'unknown' | 'nobody' | 'linked' | 'shared' | 'blocked' | 'unlinked'
  fault?: Fault
  profile?: string
}

interface Explaining {
  tx: Queryable
  rules: StoredNamespaceRules
  keys: Keys
  now: number
}

/** Reads only; the caller's transaction makes the answer of one moment. */
export async function explain(work: Explaining, a: Identifier, b: Identifier): Promise<Explanation> {
  const [one, other] = [await standingOf(work, a), await standingOf(work, b)]
  const answer = (code: Verdict, found: Partial<Explanation> = {}): Explanation => ({
    onePerson: found.onePerson ?? false,
    code,
    sentence: wordingOf(code, one.standing, other.standing, found.path?.length ?? 0),
    a: one.standing,
    b: other.standing,
    path: [],
    obstacles: [],
    conflicts: [],
    ...found,
  })
  for (const state of ['unusable', 'unknown'] as const)
    if ([one, other].some(({ standing }) => standing.state === state)) return answer(state)
  const [left, right] = [one.known, other.known]
  if (!left || !right) return answer('unknown')
  if (left.hash === right.hash) return answer('same-identifier', { onePerson: one.standing.state === 'linked' })
  for (const state of ['unlinked', 'blocked', 'shared', 'nobody'] as const)
    if ([one, other].some(({ standing }) => standing.state === state)) return answer(state, await between(work, left, right))
  if (one.standing.profile !== other.standing.profile) {
    const found = await between(work, left, right)
    return answer(verdictOf(found), found)
  }
  const path = await shortestPath(work, Number(one.standing.profile), left.hash, right.hash)
  return answer(path.length > 0 ? 'linked' : 'one-profile', { onePerson: true, path })
}

function verdictOf({ obstacles, conflicts }: Between): Verdict {
  if (obstacles.some(({ reason }) => reason === 'blocked-pair')) return 'blocked-pair'
  if (conflicts.length > 0) return 'conflict'
  return obstacles.length > 0 ? 'would-conflict' : 'never-together'
}

async function standingOf(
  { tx, rules, keys }: Explaining,
  { namespace, value }: Identifier,
): Promise<{ standing: Standing; known?: KnownIdentifier }> {
  const plain = { namespace, value: maskOf(namespace, value.slice(0, 100)) }
  const known = await knownIdentifier(tx, rules, keys, { namespace, value })
  if (typeof known === 'string') return { standing: { ...plain, state: 'unusable', fault: known } }
  if (!known) return { standing: { ...plain, state: 'unknown' } }
  const masked = (await maskedIdentifiers(tx, keys, [known.hash]))(known.hash)
  const loaded = await graphAround(tx, readingHead, rules, [known])
  const identifier = identifierOf(loaded.graph, 0)
  const profile = identifier.leaf === 0 ? undefined : `${rootOf(loaded.graph, identifier.leaf)}`
  const state = stateOf(loaded.graph)
  return { known, standing: { ...masked, state, ...(profile && state !== 'nobody' && { profile }) } }
}

/** Of slot 0. */
function stateOf(graph: Graph): Standing['state'] {
  const identifier = identifierOf(graph, 0)
  if (identifier.rule.linkClass === 'none') return 'unlinked'
  if (identifier.special && identifier.special.blocked !== 'no') return 'blocked'
  if (isShared(graph, identifier)) return 'shared'
  return identifier.leaf === 0 ? 'nobody' : 'linked'
}

/** Reading changes nothing, so nothing is locked or numbered. */
const readingHead = { nextLeaf: 0, seq: 0, namespacesVersion: 0, hasBlocks: true, writer: '', transaction: '' }

type Between = Pick<Explanation, 'obstacles' | 'conflicts'>

/** What keeps the people of two identifiers apart. */
async function between({ tx, rules, keys, now }: Explaining, left: KnownIdentifier, right: KnownIdentifier): Promise<Between> {
  const { graph } = await graphAround(tx, readingHead, rules, [left, right])
  const [mine, theirs] = [partOf(graph, 0), partOf(graph, 1)]
  const together = mine.some(slot => theirs.includes(slot))
  const found = together ? [] : obstaclesBetween(graph, mine, theirs, now)
  const hashOf = (slot: number) => identifierOf(graph, slot).hash
  const [ours, others] = [new Set(mine.map(hashOf)), new Set(theirs.map(hashOf))]
  const conflicts = (await conflictsWith(tx, [...ours])).filter(
    ({ hashes }) => hashes.some(hash => others.has(hash)) && hashes.some(hash => ours.has(hash)),
  )
  const masked = await maskedIdentifiers(tx, keys, [
    ...found.flatMap(({ slots }) => slots.map(hashOf)),
    ...conflicts.flatMap(({ hashes }) => hashes),
  ])
  return {
    obstacles: found.map(obstacle => ({
      reason: obstacle.reason,
      ...('namespace' in obstacle && { namespace: obstacle.namespace }),
      identifiers: obstacle.slots.map(slot => masked(hashOf(slot))),
    })),
    conflicts: conflicts.map(row => conflictView(row, masked)),
  }
}

async function shortestPath({ tx, rules, keys }: Explaining, profile: number, from: string, to: string): Promise<LinkView[]> {
  const held = await identifiersOf(tx, rules, keys, await leavesOf(tx, profile))
  const usable = new Set(held.filter(({ state }) => state === 'linked').map(({ hash }) => hash))
  const edges = await tx.query<LinkRow>(
    `select e.anchor::text, e.other::text, e.linked, e.cut, e.source, e.position, e.rule, e.ts, true as current
     from identity_edges e join identifiers x on x.hash = e.anchor join identifiers y on y.hash = e.other
     where e.anchor = any($1::bigint[]) and e.other = any($1::bigint[]) and e.linked and not e.cut and ${currentLink} order by e.seq`,
    [numbers(usable)],
  )
  const way = breadthFirst(edges, from, to)
  const masked = await maskedIdentifiers(tx, keys, [from, ...way.flatMap(({ anchor, other }) => [anchor, other])])
  let at = from
  return way.map(row => {
    const view = linkView(row, masked, rules)
    const forward = row.anchor === at
    at = forward ? row.other : row.anchor
    return forward ? view : { ...view, a: view.b, b: view.a }
  })
}

/** The edges from one end to the other, fewest first and then oldest; none where they are not connected. */
export function breadthFirst<E extends { anchor: string; other: string }>(edges: readonly E[], from: string, to: string): E[] {
  const around = new Map<string, E[]>()
  for (const edge of edges) for (const end of [edge.anchor, edge.other]) around.set(end, [...(around.get(end) ?? []), edge])
  const cameBy = new Map<string, E | undefined>([[from, undefined]])
  const queue = [from]
  for (const at of queue) {
    if (at === to) break
    for (const edge of around.get(at) ?? []) {
      const next = edge.anchor === at ? edge.other : edge.anchor
      if (cameBy.has(next)) continue
      cameBy.set(next, edge)
      queue.push(next)
    }
  }
  const way: E[] = []
  for (let at = to, edge = cameBy.get(at); edge; edge = cameBy.get(at)) {
    way.unshift(edge)
    at = edge.anchor === at ? edge.other : edge.anchor
  }
  return way
}
