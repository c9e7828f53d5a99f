import type { Json } from '../../../src/collect/event.ts'
import type { Position } from '../../../src/log/position.ts'
import { type LeafTraits, traitsOf } from '../../../src/profiles/traits.ts'
import type { ClickHouse } from '../../../src/store/clickhouse.ts'
import type { Postgres } from '../../../src/store/postgres.ts'
import { keys } from '../server.ts'

export interface StoredEvent {
  position: Position
  range: Position
  leaf: number
  at: number
  event: string
  message_id: string
  source: string
  /** UInt64 in decimal. */
  hashes: string[]
  mark: string
}

export interface StoredTrait {
  position: Position
  range: Position
  leaf: number
  key: string
  op: 'set' | 'unset'
  value: Json
  at: number
  source: string
  hashes: string[]
}

export interface StoredConsent {
  position: Position
  leaf: number
  purpose: string
  given: boolean
}

/** Everything that both stores hold of what was sent. */
export interface Stored {
  events: StoredEvent[]
  traits: StoredTrait[]
  consents: StoredConsent[]
  /** Leaves whose root is another leaf, as ClickHouse knows them. */
  mirroredRoots: { leaf: number; root: number }[]
  rejected: { position: Position; source: string; code: string }[]
  leaves: { leaf: number; root: number }[]
  nextLeaf: number
  identifiers: { hash: string; leaf: number }[]
  leafTraits: Map<number, LeafTraits>
  proofs: StoredConsent[]
  ranges: { range: Position; until: Position; state: string }[]
  nextOffset: number
  imports: { id: number; rows_read: number; imported: number; rejected: number; repeated: number }[]
  /** Per import the file of its rejected rows. */
  rejects: Map<number, string>
  stats: { source: string; accepted: number; rejected: number; deduplicated: number }[]
}

export async function readStores(
  { postgres, clickhouse }: { postgres: Postgres; clickhouse: ClickHouse },
  rejectsOf: (importId: number) => Promise<string>,
): Promise<Stored> {
  const milliseconds = 'toUnixTimestamp64Milli(ts) as at'
  const hashes = 'arrayMap(hash -> toString(hash), identifiers) as hashes'
  const [counters] = await postgres.query<{ next_leaf: number; next_offset: number }>(
    'select next_leaf, coalesce((select next_offset from partitions where partition = 0), 0) as next_offset from identity_head',
  )
  const imports = await postgres.query<Stored['imports'][number]>('select id, rows_read, imported, rejected, repeated from imports')
  const rejects = new Map<number, string>()
  for (const { id } of imports) rejects.set(id, await rejectsOf(id))
  const leavesWithTraits = await postgres.query<{ leaf: number }>('select leaf from leaf_traits')
  return {
    events: await clickhouse.query(
      `select position, range, leaf, ${milliseconds}, event, message_id, source, ${hashes}, toString(props.mark) as mark from events`,
    ),
    traits: await clickhouse.query(`select position, range, leaf, key, op, value, ${milliseconds}, source, ${hashes} from traits`),
    consents: await clickhouse.query('select position, leaf, purpose, given from consents'),
    mirroredRoots: await clickhouse.query('select leaf, root from roots final where root <> leaf'),
    rejected: await postgres.query('select position, source, code from rejected order by position'),
    leaves: await postgres.query('select leaf, root from leaves order by leaf'),
    nextLeaf: counters?.next_leaf ?? 0,
    identifiers: (await postgres.query<{ hash: string; leaf: number }>('select hash::text, leaf from identifiers')).map(row => ({
      ...row,
      hash: BigInt.asUintN(64, BigInt(row.hash)).toString(),
    })),
    leafTraits: await traitsOf(
      postgres,
      keys,
      leavesWithTraits.map(({ leaf }) => leaf),
    ),
    proofs: await postgres.query('select position, leaf, purpose, given from consent_proofs'),
    ranges: await postgres.query('select range, until, state from ranges order by range'),
    nextOffset: counters?.next_offset ?? 0,
    imports,
    rejects,
    stats: await postgres.query(
      'select source, sum(accepted)::bigint as accepted, sum(rejected)::bigint as rejected, sum(deduplicated)::bigint as deduplicated from source_stats group by source',
    ),
  }
}
