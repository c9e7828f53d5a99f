import type { Postgres, Queryable } from '../store/postgres.ts'
import { type Base, basesOf } from './bases.ts'
import { currentBitmaps, type MembershipStores } from './membership.ts'

export interface CompactionParts extends MembershipStores {
  postgres: Postgres
  /** The last tick that was decided, locked until the transaction ends. @throws where this process no longer decides ticks */
  lastTick: (tx: Queryable) => Promise<number>
  now: () => number
  /** So many changes are worth a generation of their own, whatever the base is. */
  few?: number
}

/** Fewer changes than the first are read beside the base at little cost; more than the second are folded in whatever the base is. */
const usuallyFew = 1_000
const many = 50_000
/** Of the base, how much may have changed in between. */
const share = 0.02
const definitionsAtOnce = 20
/** Who reads an older generation has ended by then. */
const keptForMs = 60_000

/**
 * Publishes new generations of the bitmaps of which much has changed. Called by the one who decides ticks, between ticks, when all of them are
 * in ClickHouse. A crash leaves a generation that nobody reads; the next is another.
 * @returns the definitions that have a new generation
 */
export async function compactMemberships(parts: CompactionParts): Promise<number[]> {
  const { postgres, clickhouse, few = usuallyFew } = parts
  const due = await postgres.query<{ definition: number }>(
    `select definition from membership_bases
     where is_clean and changes >= least($1::bigint, greatest($2::bigint, base_members * $3::float8)) order by changes desc limit $4`,
    [Math.max(few, many), few, few === usuallyFew ? share : 0, definitionsAtOnce],
  )
  if (due.length === 0) return []
  const definitions = due.map(({ definition }) => definition)
  const [{ generation } = { generation: 0 }] = await postgres.query<{ generation: number }>(
    `select nextval('membership_generations') as generation`,
  )
  const { text, params } = currentBitmaps(await basesOf(postgres, definitions))
  await clickhouse.command(
    `insert into bitmaps (definition, value, generation, members)
     select definition, value, {generation:UInt64}, members from (${text}) where bitmapCardinality(members) > 0`,
    { ...params, generation },
  )
  await publish(parts, definitions, generation)
  return definitions
}

async function publish({ postgres, lastTick, now }: CompactionParts, definitions: readonly number[], generation: number): Promise<void> {
  await postgres.transaction(async tx => {
    const tick = await lastTick(tx)
    await tx.query(
      `update membership_bases set generation = $2, tick = $3, base_members = members, changes = 0, published_at = $4, is_clean = false
       where definition = any($1::integer[])`,
      [definitions, generation, tick, new Date(now())],
    )
  })
}

/** Drops what published generations have replaced, and what belongs to definitions that are gone. Done again, it changes nothing. */
export async function cleanMemberships({ postgres, clickhouse, now }: Omit<CompactionParts, 'lastTick'>): Promise<void> {
  const replaced = await postgres.query<Pick<Base, 'definition' | 'generation'> & { tick: number }>(
    'select definition, generation, tick from membership_bases where not is_clean and published_at <= $1 order by definition limit 1000',
    [new Date(now() - keptForMs)],
  )
  const gone = await postgres.query<{ definition: number }>(
    'select b.definition from membership_bases b left join definitions d on d.id = b.definition where d.id is null and b.definition <> 0 limit 1000',
  )
  if (replaced.length > 0) {
    const params = { ids: replaced.map(one => one.definition), bounds: replaced.map(one => one.generation) }
    const ofIts = '{bounds:Array(UInt64)}[indexOf({ids:Array(UInt32)}, definition)]'
    await clickhouse.command(`delete from bitmaps where has({ids:Array(UInt32)}, definition) and generation < ${ofIts}`, params)
    await clickhouse.command(`delete from memberships where has({ids:Array(UInt32)}, definition) and tick <= ${ofIts}`, {
      ...params,
      bounds: replaced.map(one => one.tick),
    })
    await postgres.query(
      `update membership_bases b set is_clean = true from unnest($1::integer[], $2::bigint[]) as t(definition, generation)
       where b.definition = t.definition and b.generation = t.generation`,
      [params.ids, params.bounds],
    )
  }
  if (gone.length > 0) {
    const ids = gone.map(({ definition }) => definition)
    for (const table of ['bitmaps', 'memberships'])
      await clickhouse.command(`delete from ${table} where has({ids:Array(UInt32)}, definition)`, { ids })
    await postgres.query('delete from membership_bases where definition = any($1::integer[])', [ids])
  }
}
