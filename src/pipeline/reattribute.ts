import { setTimeout as sleep } from 'node:timers/promises'
import type { Position } from '../log/position.ts'
import type { Keys } from '../privacy/keys.ts'
import { refold } from '../profiles/refold.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import type { Postgres } from '../store/postgres.ts'
import { preparedRanges } from './ranges.ts'

interface Reattribution {
  id: number
  from_leaf: number
  to_leaf: number
  hashes: string[]
  since_position: Position
  until_position: Position | null
  instead_hashes: string[]
  instead_leaves: number[]
}

export interface ReattributeDependencies {
  postgres: Postgres
  clickhouse: ClickHouse
  keys: Keys
  partitions: readonly number[]
  now: () => number
  /** Ends the waiting for what is being stored; the next start goes on. */
  signal: AbortSignal
}

/** Events that move at once; their positions travel as one parameter. */
const atOnce = 5_000

/**
 * Carries out what an unmerge asked for: facts of a leaf that fell apart go to the leaf of the identifier that had chosen it. Every step can be
 * done again, so an interruption anywhere is finished by the next call. Traits and consents go before their events, which tell what is left to do.
 * @returns how many requests were carried out
 */
export async function reattribute(deps: ReattributeDependencies): Promise<number> {
  const { postgres } = deps
  const open = await postgres.query<Reattribution>(
    `select id, from_leaf, to_leaf, hashes::text[], since_position, until_position, instead_hashes::text[], instead_leaves::text[]::int[] as instead_leaves
     from identity_reattributions where done_at is null order by id limit 100`,
  )
  if (open.length === 0) return 0
  await storedSoFar(deps)
  for (const one of open) {
    await move(deps, one)
    await refold(postgres, deps.clickhouse, deps.keys, [one.from_leaf, one.to_leaf, ...one.instead_leaves], deps.now())
    await postgres.transaction(async tx => {
      await tx.query('insert into evaluation_leaves (leaf) select unnest($1::bigint[])', [
        [one.from_leaf, one.to_leaf, ...one.instead_leaves],
      ])
      await tx.query('update identity_reattributions set done_at = to_timestamp($2 / 1000.0) where id = $1', [one.id, deps.now()])
    })
  }
  return open.length
}

/** What was decided before the unmerge must be in ClickHouse, or it would come to the old leaf afterwards. */
async function storedSoFar({ postgres, partitions, signal }: ReattributeDependencies): Promise<void> {
  const prepared = async () =>
    (await Promise.all(partitions.map(partition => preparedRanges(postgres, partition)))).flat().map(({ range }) => range)
  const waiting = new Set(await prepared())
  while (waiting.size > 0) {
    await sleep(50, undefined, { signal })
    const still = new Set(await prepared())
    for (const range of waiting) if (!still.has(range)) waiting.delete(range)
  }
}

async function move({ clickhouse }: ReattributeDependencies, one: Reattribution): Promise<void> {
  for (;;) {
    const next = await clickhouse.query<{ position: Position; target: number }>(
      `with arrayFirstIndex(hash -> has(identifiers, hash), {instead:Array(UInt64)}) as carried
       select position, if(carried > 0, {leaves:Array(UInt32)}[carried], {to:UInt32}) as target
       from events
       where leaf = {from:UInt32} and position >= {since:UInt64} and position < {until:UInt64} and has({hashes:Array(UInt64)}, identifiers[1]) and target <> {from:UInt32}
       order by position limit {limit:UInt32}`,
      {
        from: one.from_leaf,
        to: one.to_leaf,
        since: one.since_position,
        until: one.until_position ?? '18446744073709551615',
        hashes: one.hashes.map(unsigned),
        instead: one.instead_hashes.map(unsigned),
        leaves: one.instead_leaves,
        limit: atOnce,
      },
    )
    if (next.length === 0) return
    for (const [to, facts] of Map.groupBy(next, fact => fact.target)) {
      const params = { from: one.from_leaf, to, positions: facts.map(fact => fact.position) }
      for (const table of ['traits', 'consents', 'events']) {
        await copy(clickhouse, table, params)
        await clickhouse.command(`delete from ${table} where leaf = {from:UInt32} and position in {positions:Array(UInt64)}`, params, {
          settings: { lightweight_deletes_sync: 2 },
        })
      }
    }
  }
}

/** Facts are filtered before their leaf is replaced: beside `replace`, `leaf` would mean the new one. Nothing is deleted that did not arrive. */
async function copy(
  clickhouse: ClickHouse,
  table: string,
  params: { from: number; to: number; positions: readonly Position[] },
): Promise<void> {
  await clickhouse.command(
    `insert into ${table} select * replace ({to:UInt32} as leaf) from (
       select * from ${table}
       where leaf = {from:UInt32} and position in {positions:Array(UInt64)}
         and position not in (select position from ${table} where leaf = {to:UInt32} and position in {positions:Array(UInt64)})
     )`,
    params,
  )
  const [rows] = await clickhouse.query<{ missing: number }>(
    `select uniqExactIf(position, leaf = {from:UInt32}) - uniqExactIf(position, leaf = {from:UInt32} and position in (
         select position from ${table} where leaf = {to:UInt32} and position in {positions:Array(UInt64)})) as missing
     from ${table} where leaf = {from:UInt32} and position in {positions:Array(UInt64)}`,
    params,
  )
  if (rows?.missing !== 0) throw new Error('facts that should move did not arrive at their new leaf')
}

/** A number, not text: ClickHouse does not read quoted numbers in an array. */
function unsigned(hash: string): bigint {
  return BigInt.asUintN(64, BigInt(hash))
}
