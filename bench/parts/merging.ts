import { decide, type SlotFact } from '../../src/identity/decide.ts'
import { type Graph, identifierOf, rootOf } from '../../src/identity/graph.ts'
import { newLeafMap } from '../../src/identity/leaf-map.ts'
import { namespaceRules } from '../../src/identity/namespace-rules.ts'
import { defaultNamespaces } from '../../src/identity/namespaces.ts'
import { statementSettings } from '../../src/rules/compile.ts'
import { RowNames } from '../../src/rules/sql/row-names.ts'
import { Scan } from '../../src/rules/sql/scan.ts'
import type { ClickHouse } from '../../src/store/clickhouse.ts'
import { interleave, median } from '../interleave.ts'
import type { Report } from '../report.ts'

/** A graph whose edges come in batches, merged by identity's own decision, ÷ label propagation in SQL over all of it. */
export async function mergedGraph(clickhouse: ClickHouse, edges: number, report: Report): Promise<void> {
  const nodes = Math.round(edges * 1.5)
  await clickhouse.command('create table bench_edges (a UInt32, b UInt32) engine = MergeTree order by a')
  await clickhouse.command(
    `insert into bench_edges select cityHash64(number, 'a') % {nodes:UInt32} as a, cityHash64(number, 'b') % {nodes:UInt32} as b
     from numbers({edges:UInt32}) where a != b`,
    { nodes, edges },
  )
  const pairs = await clickhouse.query<{ a: number; b: number }>('select a, b from bench_edges order by cityHash64(a, b)')
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < 3; round++) {
    const merged = timed(() => componentsByMerging(pairs, nodes))
    const propagated = await timedAsync(() => componentsByPropagation(clickhouse))
    if (merged.value !== propagated.value) throw new Error(`${merged.value} components by merging, ${propagated.value} by propagation`)
    ours.push(merged.seconds)
    theirs.push(propagated.seconds)
  }
  await clickhouse.command('drop table bench_edges')
  report.figure({ name: 'edges_per_s', value: pairs.length / median(ours), better: 'higher' })
  report.figure({ name: 'propagation_s', value: median(theirs), better: 'lower', unit: 's' })
  report.figure({ name: 'merge_ratio', value: median(ours) / median(theirs), must: 1 / 5, aim: 1 / 20, better: 'lower' })
}

/** Every node is a strong identifier without a limit, so that every edge merges. */
function componentsByMerging(pairs: readonly { a: number; b: number }[], nodes: number): number {
  const rule = namespaceRules(defaultNamespaces.map(document => ({ ...document, limit: 10_000 }))).of('email')
  if (!rule) throw new Error('email is a default namespace')
  const unlimited = { ...rule, limit: Number.POSITIVE_INFINITY }
  const graph: Graph = { nextLeaf: 1, seq: 0, identifiers: [], rootOf: newLeafMap(1), profiles: newLeafMap(1), blocks: new Map() }
  for (let node = 0; node < nodes; node++)
    graph.identifiers.push({ hash: '', rule: unlimited, leaf: 0, ts: 0, generation: 0, anchor: '0', special: undefined })
  for (let at = 0; at < pairs.length; at += 10_000) {
    const facts = pairs.slice(at, at + 10_000).map(({ a, b }, index): SlotFact => {
      return { position: at + index, ts: at + index, slots: [a, b], what: 'together', rule: 'together' }
    })
    decide(graph, facts)
    graph.seq += facts.length
  }
  const roots = new Set<number>()
  for (let node = 0; node < nodes; node++) {
    const { leaf } = identifierOf(graph, node)
    if (leaf > 0) roots.add(rootOf(graph, leaf))
  }
  return roots.size
}

/** Labels go to neighbours and to the labels of labels (pointer jumping) until none changes. */
async function componentsByPropagation(clickhouse: ClickHouse): Promise<number> {
  const table = (round: number) => `bench_labels_${round}`
  await clickhouse.command('create table bench_both engine = Memory as select a, b from bench_edges union all select b, a from bench_edges')
  await clickhouse.command(
    `create table ${table(0)} engine = Memory as select a as node, least(node, min(b)) as label from bench_both group by a`,
  )
  let round = 0
  for (let changed = 1; changed > 0; round++) {
    await clickhouse.command(
      `create table bench_spread engine = Memory as
       select node, min(label) as label from (
         select node, label from ${table(round)}
         union all select e.b as node, l.label as label from bench_both e join ${table(round)} l on l.node = e.a
       ) group by node`,
    )
    await clickhouse.command(
      `create table ${table(round + 1)} engine = Memory as
       select s.node as node, least(s.label, j.label) as label from bench_spread s join bench_spread j on j.node = s.label`,
    )
    const [difference] = await clickhouse.query<{ changed: number }>(
      `select countIf(now.label != before.label) as changed from ${table(round + 1)} now join ${table(round)} before on before.node = now.node`,
    )
    changed = difference?.changed ?? 0
    await clickhouse.command('drop table bench_spread')
    await clickhouse.command(`drop table ${table(round)}`)
  }
  const [answer] = await clickhouse.query<{ components: number }>(`select uniqExact(label) as components from ${table(round)}`)
  await clickhouse.command(`drop table ${table(round)}`)
  await clickhouse.command('drop table bench_both')
  return answer?.components ?? 0
}

/** Group by leaf, then map what is left, by the very statement of rules ÷ group by leaf alone. */
export async function mergedAggregate(clickhouse: ClickHouse, events: number, report: Report): Promise<void> {
  const leaves = Math.round(events / 20)
  await clickhouse.command(
    'create table bench_events (leaf UInt32, ts DateTime64(3), value Float64) engine = MergeTree order by (leaf, ts)',
  )
  await clickhouse.command(
    `insert into bench_events select 1 + number % {leaves:UInt32}, fromUnixTimestamp64Milli(1760000000000 + number), number % 1000
     from numbers({events:UInt64})`,
    { leaves, events },
  )
  await clickhouse.command('optimize table bench_events final')
  await clickhouse.command('insert into roots select 1 + number * 10, 2 + number * 10, 1 from numbers({merged:UInt32})', {
    merged: Math.round(leaves / 10),
  })
  const perLeaf = 'select leaf, count() as n, sum(value) as spent, max(ts) as last from bench_events group by leaf'
  const unmerged = `select sum(n) as n, countIf(spent > 9000) as many from (${perLeaf})`
  const scan = new Scan('e')
  const [n, spent] = [scan.add('count', ''), scan.add('sum', 'value'), scan.add('max', 'ts')]
  const merged = `select sum(${n}) as n, countIf(${spent} > 9000) as many from (${scan.sql('bench_events', new RowNames())})`
  const run = (query: string) => async () => (await timedAsync(() => clickhouse.query(query, {}, { settings: statementSettings }))).seconds
  const { a, b, ratio } = await interleave(5, run(merged), run(unmerged))
  await clickhouse.command('drop table bench_events')
  await clickhouse.command('truncate table roots')
  report.figure({ name: 'aggregate_merged_s', value: a, better: 'lower', unit: 's' })
  report.figure({ name: 'aggregate_unmerged_s', value: b, better: 'lower', unit: 's' })
  report.figure({ name: 'aggregate_ratio', value: ratio, must: 1.3, aim: 1.15, better: 'lower', unit: '×' })
}

function timed<T>(work: () => T): { value: T; seconds: number } {
  const startedAt = performance.now()
  const value = work()
  return { value, seconds: (performance.now() - startedAt) / 1_000 }
}

async function timedAsync<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const startedAt = performance.now()
  const value = await work()
  return { value, seconds: (performance.now() - startedAt) / 1_000 }
}
