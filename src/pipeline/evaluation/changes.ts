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
  const names = new Map<string, number>()
  const placeOf = (name: string) => {
    const known = names.get(name) ?? names.size
    names.set(name, known)
    return known
  }
  const leaves = new Map<number, { liveAt: number; places: Set<number> }>()
  const future = new Map<string, { leaf: number; at: number }>()
  for (const { leaf, event } of facts) {
    const change = leaves.get(leaf) ?? { liveAt: 0, places: new Set() }
    leaves.set(leaf, change)
    change.places.add(placeOf(`e:${event.event}`))
    for (const { key } of event.traits) change.places.add(placeOf(`t:${key}`))
    for (const { purpose } of event.consents) change.places.add(placeOf(`c:${purpose}`))
    if (!event.historical) change.liveAt = Math.max(change.liveAt, event.ts)
    if (event.ts > now) future.set(`${event.ts} ${leaf}`, { leaf, at: event.ts })
  }
  const kept: Kept = { names: [...names.keys()], leaves: [...leaves].map(([leaf, { liveAt, places }]) => [leaf, liveAt, ...places]) }
  await tx.query('insert into evaluation_ranges (range, changes) values ($1, $2)', [range, JSON.stringify(kept)])
  if (future.size > 0)
    await tx.query('insert into evaluation_moments (leaf, at) select * from unnest($1::bigint[], $2::bigint[]) on conflict do nothing', [
      [...future.values()].map(({ leaf }) => leaf),
      [...future.values()].map(({ at }) => at),
    ])
}

export function changesFrom(text: string): LeafChange[] {
  const { names, leaves } = JSON.parse(text) as Kept
  return leaves.map(([leaf = 0, liveAt = 0, ...places]) => ({ leaf, liveAt, names: places.map(place => names[place] ?? '') }))
}
