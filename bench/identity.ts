import { identityWith } from '../src/identity/resolve.ts'
import { type Keys, keysFrom } from '../src/privacy/keys.ts'
import type { Postgres, Queryable } from '../src/store/postgres.ts'
import { numbers, texts } from '../src/store/sql-arrays.ts'
import { interleave } from './interleave.ts'
import { withCore } from './parts/core.ts'
import { mergedAggregate, mergedGraph } from './parts/merging.ts'
import type { Bench, Report } from './report.ts'

const keys = keysFrom('bench')
const identifiersPerBatch = 10_000
const factsPerBatch = identifiersPerBatch / 2

/**
 * Resolving identifiers ÷ a bare `insert … on conflict` and look-up of the same ids; a graph of a million edges merged as it comes ÷ label
 * propagation in ClickHouse; an aggregate over people of whom a tenth was merged ÷ the same without.
 * `--stored 5e5 --edges 1e5 --events 2e6` make it small.
 */
const bench: Bench = async report => {
  await withCore(async ({ stores: { postgres, clickhouse } }) => {
    await resolving(postgres, Number(report.options.stored ?? 5e6), report)
    await mergedGraph(clickhouse, Number(report.options.edges ?? 1e6), report)
    await mergedAggregate(clickhouse, Number(report.options.events ?? 20e6), report)
  })
}
export default bench

async function resolving(postgres: Postgres, stored: number, report: Report): Promise<void> {
  const people = Math.ceil(stored / identifiersOf(0).length)
  const startedAt = performance.now()
  await fill(postgres, people)
  report.note(`${people * 4} identifiers of ${people} people stored in ${Math.round((performance.now() - startedAt) / 1000)} s`)

  const identity = identityWith(keys)
  const position = { next: 0 }
  const ourBatches = batches(people)
  const bareBatches = batches(people)
  const { a, b, ratio } = await interleave(
    Number(report.options.rounds ?? 15),
    () => rate(async () => ours(postgres, identity, next(ourBatches), position)),
    () => rate(() => postgres.transaction(tx => bare(tx, next(bareBatches).flat().map(idOf)))),
  )
  report.note(`a bare table of the keyed hashes instead of the ids: ${await bareHashes(postgres, people)} identifiers/s`)
  report.figure({ name: 'identifiers_per_s', value: a, better: 'higher' })
  report.figure({ name: 'bare_identifiers_per_s', value: b, better: 'higher' })
  report.figure({ name: 'resolve_ratio', value: ratio, must: 0.5, aim: 0.8, better: 'higher', unit: '%' })
}

type Id = readonly [namespace: string, value: string]

/** A person of the bench: an account, a phone (199 …, synthetic) and two browsers. */
function identifiersOf(person: number): [Id, Id, Id, Id] {
  return [
    ['user_id', `u-${person}`],
    ['phone', `199${String(person).padStart(8, '0')}`],
    ['anonymous_id', `anon-${person}-a`],
    ['anonymous_id', `anon-${person}-b`],
  ]
}

/** Messages of people anywhere among those that are known, two identifiers each; one message in ten brings a new one. */
function* batches(people: number): Generator<Id[][]> {
  let seed = 42
  const random = () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
    return seed / 0x80000000
  }
  for (let batch = 0; ; batch++) {
    yield Array.from({ length: factsPerBatch }, (_, index) => {
      const person = Math.floor(random() * people)
      const [user, phone, first, second] = identifiersOf(person)
      if (index % 10 === 0) return [user, ['anonymous_id', `new-${batch}-${index}`]]
      return [user, [phone, first, second][index % 3] ?? first]
    })
  }
}

function next(source: Generator<Id[][]>): Id[][] {
  return source.next().value as Id[][]
}

async function ours(
  postgres: Postgres,
  identity: ReturnType<typeof identityWith>,
  batch: readonly (readonly Id[])[],
  position: { next: number },
): Promise<void> {
  const facts = batch.map(ids => {
    position.next += 1
    return {
      position: position.next,
      ts: 1_760_000_000_000 + position.next,
      source: 'bench',
      identifiers: ids.map(([namespace, value]) => ({ namespace, value })),
    }
  })
  const { facts: resolved } = await postgres.transaction(tx => identity.resolve(tx, facts))
  if (resolved.some(fact => 'refused' in fact)) throw new Error('every message of the bench has a person')
}

function idOf([namespace, value]: Id): string {
  return `${namespace}:${value}`
}

/** What one would write by hand, without people, evidence or encryption. */
async function bare(tx: Queryable, ids: readonly string[]): Promise<void> {
  const list = texts(ids)
  await tx.query('insert into bare_ids (id, leaf) select id, 1 from unnest($1::text[]) id on conflict do nothing', [list])
  await tx.query('select id, leaf from bare_ids where id = any($1::text[])', [list])
}

async function bareHashes(postgres: Postgres, people: number): Promise<string> {
  const source = batches(people)
  await postgres.query('create table bare_hashes as select hash as id, leaf from identifiers')
  await postgres.query('alter table bare_hashes add primary key (id)')
  const runs: number[] = []
  for (let run = 0; run < 7; run++) {
    const ids = numbers(
      next(source)
        .flat()
        .map(([namespace, value]) => hashOf(namespace, value).hash),
    )
    runs.push(
      await rate(() =>
        postgres.transaction(async tx => {
          await tx.query('insert into bare_hashes (id, leaf) select id, 1 from unnest($1::bigint[]) id on conflict do nothing', [ids])
          await tx.query('select id::text, leaf from bare_hashes where id = any($1::bigint[])', [ids])
        }),
      ),
    )
  }
  await postgres.query('drop table bare_hashes')
  return Math.round(runs.toSorted((a, b) => a - b)[3] ?? 0).toLocaleString('en')
}

async function rate(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return identifiersPerBatch / ((performance.now() - startedAt) / 1_000)
}

function hashOf(namespace: string, value: string): { hash: string; rest: string } {
  const { hash, rest } = keys.blindIndex(namespace, namespace === 'phone' ? `+86${value}` : value)
  return { hash: hash.toString(), rest: rest.toString() }
}

/** People as if they had come one after the other, each with everything at once; indexes are made afterwards. */
async function fill(postgres: Postgres, people: number): Promise<void> {
  await postgres.query('create table bare_ids (id text primary key, leaf bigint not null)')
  await postgres.query('alter table identifiers drop constraint identifiers_pkey')
  await postgres.query('alter table identity_edges drop constraint identity_edges_pkey')
  await postgres.query('drop index identifiers_leaf')
  for (let from = 0; from < people; from += 10_000) await fillPeople(postgres, keys, from, Math.min(people, from + 10_000))
  await postgres.query('alter table identifiers add primary key (hash) include (rest, leaf, generation, special, anchor)')
  await postgres.query('alter table identity_edges add primary key (anchor, other, generation, linked)')
  await postgres.query('create index identifiers_leaf on identifiers (leaf) where leaf > 0')
  await postgres.query('update identity_head set next_leaf = $1, seq = $2', [people + 1, people])
  await postgres.query('vacuum analyze')
  await postgres.query('checkpoint')
}

async function fillPeople(postgres: Postgres, { seal }: Keys, from: number, until: number): Promise<void> {
  const rows = Array.from({ length: until - from }, (_, index) =>
    identifiersOf(from + index).map(id => ({ id, leaf: from + index + 1 })),
  ).flat()
  const hashes = rows.map(({ id: [namespace, value] }) => hashOf(namespace, value))
  const anchors = rows.map((_, index) => hashes[index - (index % 4)]?.hash ?? '')
  await postgres.query('insert into bare_ids (id, leaf) select * from unnest($1::text[], $2::bigint[])', [
    texts(rows.map(({ id }) => idOf(id))),
    numbers(rows.map(({ leaf }) => leaf)),
  ])
  await postgres.query('insert into leaves (leaf, root, position) select leaf, leaf, 0 from generate_series($1::bigint, $2::bigint) leaf', [
    from + 1,
    until,
  ])
  await postgres.query(
    `insert into identifiers (hash, rest, namespace, leaf, anchor, ts, position, sealed)
     select hash, rest, namespace, leaf, case when anchor = hash then 0 else anchor end, now(), 0, $6
     from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) i(hash, rest, namespace, leaf, anchor)`,
    [
      numbers(hashes.map(({ hash }) => hash)),
      numbers(hashes.map(({ rest }) => rest)),
      texts(rows.map(({ id: [namespace] }) => namespace)),
      numbers(rows.map(({ leaf }) => leaf)),
      numbers(anchors),
      seal('as long as an identifier', 'identifier:bench'),
    ],
  )
  await postgres.query(
    `insert into identity_edges (anchor, other, generation, linked, seq, position, ts, source, rule)
     select anchor, hash, 0, true, 0, 0, now(), 'bench', 'together'
     from unnest($1::bigint[], $2::bigint[]) e(anchor, hash) where anchor <> hash`,
    [numbers(anchors), numbers(hashes.map(({ hash }) => hash))],
  )
}
