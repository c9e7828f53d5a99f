import type { Position } from '../../log/position.ts'
import type { Queryable } from '../../store/postgres.ts'
import type { Fact } from '../rows.ts'

/** What facts did to one leaf: the names of what came, and the time of the latest that came live (ms, 0 for none). */
export interface LeafChange {
  leaf: number
  names: readonly string[]
  liveAt: number
}

/** As kept: names once, leaves as `[leaf, liveAt, ...places of names]`. */
interface Kept {
  names: string[]
  leaves: number[][]
}

/** Notes, in the transaction that decides a range, whom it touches and by which names (as `Plan.reads` has them), and what lies in the future. */
export async function noteChanges(tx: Queryable, range: Position, facts: readonly Fact[], now: number): Promise<void> {
  if (facts.length === 0) return
  const names: string[] = []
  const [events, traits, consents] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()]
  const placeOf = (kind: 'e' | 't' | 'c', places: Map<string, number>, name: string) => {
    const known = places.get(name)
    if (known !== undefined) return known
    places.set(name, names.length)
    return names.push(`${kind}:${name}`) - 1
  }
  // Many facts, few names of each leaf.
  const leaves = new Map<number, { liveAt: number; places: number[] }>()
  const future = new Map<string, { leaf: number; at: number }>()
  for (const { leaf, event } of facts) {
    let change = leaves.get(leaf)
    if (!change) {
      change = { liveAt: 0, places: [] }
      leaves.set(leaf, change)
    }
    note(change.places, placeOf('e', events, event.event))
    for (const { key } of event.traits) note(change.places, placeOf('t', traits, key))
    for (const { purpose } of event.consents) note(change.places, placeOf('c', consents, purpose))
    if (!event.historical) change.liveAt = Math.max(change.liveAt, event.ts)
    if (event.ts > now) future.set(`${event.ts} ${leaf}`, { leaf, at: event.ts })
  }
  const kept: Kept = { names, leaves: [...leaves].map(([leaf, { liveAt, places }]) => [leaf, liveAt, ...places]) }
  await tx.query('insert into evaluation_ranges (range, changes) values ($1, $2)', [range, JSON.stringify(kept)])
  if (future.size > 0)
    await tx.query('insert into evaluation_moments (leaf, at) select * from unnest($1::bigint[], $2::bigint[]) on conflict do nothing', [
      [...future.values()].map(({ leaf }) => leaf),
      [...future.values()].map(({ at }) => at),
    ])
}

function note(places: number[], place: number): void {
  if (!places.includes(place)) places.push(place)
}

export function changesFrom(text: string): LeafChange[] {
  const { names, leaves } = JSON.parse(text) as Kept
  return leaves.map(([leaf = 0, liveAt = 0, ...places]) => ({ leaf, liveAt, names: places.map(place => names[place] ?? '') }))
}
