import type { Position } from '../../../src/log/position.ts'
import { answerOf, type Server } from '../server.ts'
import type { Due } from './deserved.ts'
import { hashOf } from './facts.ts'
import type { Stored } from './stored.ts'
import { emptyVerdict, type Verdict } from './verdict.ts'

/** So many people are asked for. */
const asked = 12

/** What the API says of some people is what has to be there of them: who they are, and everything they did, once. */
export async function judgeAnswers(server: Server, due: ReadonlyMap<Position, Due>, stored: Stored): Promise<Verdict> {
  const verdict = emptyVerdict()
  const rootOf = new Map(stored.leaves.map(({ leaf, root }) => [leaf, root]))
  const leafOf = new Map(stored.identifiers.map(({ hash, leaf }) => [hash, leaf]))
  const profileOf = (value: string) => rootOf.get(leafOf.get(hashOf({ namespace: 'user_id', value })) ?? 0) ?? 0
  for (const userId of someOf(userIdsIn(due))) {
    const profile = profileOf(userId)
    const leaves = new Set(stored.leaves.filter(({ root }) => root === profile).map(({ leaf }) => leaf))
    const { id } = await answerOf<{ id: string }>(server, `/api/profiles/user_id/${userId}`)
    if (id !== `${profile}`) verdict.astray.push(`${userId} is answered with profile ${id} instead of ${profile}`)
    const found = await positionsOf(server, id)
    const expected = stored.events.filter(({ leaf, position }) => leaves.has(leaf) && due.has(position))
    const missing = expected.filter(({ position }) => !found.includes(position))
    if (missing.length > 0) verdict.lost.push(`the events of ${userId} lack ${missing.map(({ message_id }) => message_id)}`)
    if (found.length > expected.length - missing.length)
      verdict.duplicated.push(`${userId} has ${found.length} events instead of ${expected.length}`)
  }
  return verdict
}

function userIdsIn(due: ReadonlyMap<Position, Due>): string[] {
  const found = new Set<string>()
  for (const { item } of due.values()) for (const { namespace, value } of item.identifiers) if (namespace === 'user_id') found.add(value)
  return [...found]
}

/** Evenly spread over all. */
function someOf<T>(all: readonly T[]): T[] {
  const step = Math.max(1, Math.floor(all.length / asked))
  return all.filter((_, index) => index % step === 0).slice(0, asked)
}

async function positionsOf(server: Server, profile: string): Promise<Position[]> {
  const found: Position[] = []
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const page: { events: { position: string }[]; next?: string } = await answerOf(
      server,
      `/api/profiles/${profile}/events?limit=500${cursor === '' ? '' : `&cursor=${cursor}`}`,
    )
    found.push(...page.events.map(({ position }) => Number(position)))
    cursor = page.next
  }
  return found
}
