import type { Json } from '../collect/event.ts'
import type { Position } from '../log/position.ts'
import type { Keys } from '../privacy/keys.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import type { Postgres } from '../store/postgres.ts'
import { type Candidate, withCandidate } from './candidates.ts'
import { type LeafTraits, personalLog, replaceTraits, type TraitCandidates } from './traits.ts'

/**
 * Makes what PostgreSQL knows of these leaves what their facts in ClickHouse say, after facts have gone from one of them to another:
 * the homes of personal traits and consents follow their events, and the traits are folded anew from their logs.
 */
export async function refold(
  postgres: Postgres,
  clickhouse: ClickHouse,
  keys: Keys,
  leaves: readonly number[],
  now: number,
): Promise<void> {
  const homes = await homesOf(clickhouse, leaves)
  await postgres.transaction(async tx => {
    for (const table of ['personal_traits', 'consent_proofs'])
      await tx.query(
        `update ${table} t set leaf = h.leaf from unnest($1::bigint[], $2::bigint[]) h(position, leaf)
         where t.position = h.position and t.leaf <> h.leaf`,
        [[...homes.keys()], [...homes.values()]],
      )
    const personal = await personalLog(tx, keys, leaves)
    const folded = new Map<number, LeafTraits>(leaves.map(leaf => [leaf, { traits: new Map(), personal: new Map() }]))
    for (const { leaf, key, value, source, ts, position } of personal)
      fold(folded.get(leaf)?.personal, key, [source, value, ts, position], now)
    for (const { leaf, key, value, source, ts, position } of await plainLog(clickhouse, leaves)) {
      const known = folded.get(leaf)
      if (!known?.personal.has(key)) fold(known?.traits, key, [source, value, ts, position], now)
    }
    await replaceTraits(tx, keys, folded)
  })
}

function fold(traits: TraitCandidates | undefined, key: string, candidate: Candidate, now: number): void {
  traits?.set(key, withCandidate(traits.get(key) ?? [], candidate, now))
}

/** The leaf of every event of these leaves that changed a trait or a consent, by position. */
async function homesOf(clickhouse: ClickHouse, leaves: readonly number[]): Promise<Map<Position, number>> {
  const rows = await clickhouse.query<{ position: Position; leaf: number }>(
    `select distinct position, leaf from traits where leaf in {leaves:Array(UInt32)}
     union distinct select distinct position, leaf from consents where leaf in {leaves:Array(UInt32)}`,
    { leaves },
  )
  return new Map(rows.map(({ position, leaf }) => [position, leaf]))
}

/** The log of the leaves' traits, without the facets of personal ones (their keys hold a plain dot, which a trait's own key never does). */
async function plainLog(clickhouse: ClickHouse, leaves: readonly number[]) {
  const rows = await clickhouse.query<{
    leaf: number
    key: string
    op: 'set' | 'unset'
    value: Json
    json: boolean
    at: number
    position: Position
    source: string
  }>(
    `select leaf, key, op, value, json, toUnixTimestamp64Milli(ts) as at, position, source
     from traits where leaf in {leaves:Array(UInt32)} and position(key, '.') = 0`,
    { leaves },
  )
  return rows.map(({ leaf, key, op, value, json, at, position, source }) => ({
    leaf,
    key,
    source,
    position,
    ts: at,
    value: op === 'unset' ? null : json ? (JSON.parse(String(value)) as Json) : value,
  }))
}
