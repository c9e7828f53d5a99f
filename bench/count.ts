import { everybody } from '../src/definitions/bases.ts'
import { countHeld } from '../src/definitions/bitmap-plan.ts'
import type { Rule } from '../src/rules/schema.ts'
import type { ClickHouse } from '../src/store/clickhouse.ts'
import type { Queryable } from '../src/store/postgres.ts'
import { interleave } from './interleave.ts'
import { withCore } from './parts/core.ts'
import type { Bench } from './report.ts'

const tags = 200
/** Of everybody, who has the n-th tag: from a half down to a thousandth. */
const densityOf = (nth: number) => 0.5 * 0.002 ** ((nth - 1) / (tags - 1))

/** An audience of five conditions over ten million profiles and two hundred tags ÷ the bare bitmap query that says the same. */
const count: Bench = report =>
  withCore(async ({ stores, definitions }) => {
    const people = Number(report.options.people ?? 10_000_000)
    const rounds = Number(report.options.rounds ?? 15)
    await define(stores.postgres)
    await definitions.reload()
    const pairs = await hold(stores.clickhouse, stores.postgres, people)
    report.note(`${people.toLocaleString('en')} profiles, ${tags} tags, ${pairs.toLocaleString('en')} times that somebody has one`)
    const tag = (nth: number): Rule => ({ tag: keyOf(nth) })
    const rule: Rule = {
      all: [{ any: [{ all: [tag(1), tag(20)] }, { all: [tag(40), tag(60)] }] }, { not: tag(80) }],
    }
    const [a, b, c, d, e] = [1, 20, 40, 60, 80].map(nth => definitions.set().find('tag', keyOf(nth))?.id ?? 0)
    const bare = `select bitmapAndnotCardinality(bitmapOr(bitmapAnd(a, b), bitmapAnd(c, d)), e) as n from (
      select ${Object.entries({ a, b, c, d, e })
        .map(([name, id]) => `groupBitmapMergeStateIf(members, definition = ${id}) as ${name}`)
        .join(', ')}
      from bitmaps where definition in (${[a, b, c, d, e].join(', ')}))`
    const ours = async () => (await countHeld(stores, rule, definitions.set(), () => true))?.count ?? Number.NaN
    const theirs = async () => (await stores.clickhouse.query<{ n: number }>(bare))[0]?.n ?? 0
    if ((await ours()) !== (await theirs())) throw new Error('the counts differ')
    const compacted = await interleave(rounds, timed(ours), timed(theirs))
    report.figure({ name: 'count_ms', value: compacted.a * 1000, better: 'lower', unit: 'ms' })
    report.figure({ name: 'bare_ms', value: compacted.b * 1000, better: 'lower', unit: 'ms' })
    report.figure({ name: 'count_ratio', value: compacted.ratio, must: 1.5, aim: 1.05, better: 'lower', unit: '×' })
    await change(stores.clickhouse, stores.postgres, [a ?? 0, e ?? 0], 900)
    const changed = await interleave(rounds, timed(ours), timed(theirs))
    report.note('now with changes of two of the five that no generation holds yet')
    report.figure({ name: 'count_changed_ms', value: changed.a * 1000, better: 'lower', unit: 'ms' })
    report.figure({ name: 'count_changed_ratio', value: changed.ratio, better: 'lower', unit: '×' })
  })
export default count

function keyOf(nth: number): string {
  return `tag_${nth}`
}

async function define(postgres: Queryable): Promise<void> {
  const document = { zh: '标签', kind: 'rule', refresh: 'realtime', values: [{ value: true, rule: { event: 'Page Viewed' } }] }
  await postgres.query(
    `insert into definitions (kind, key, version, document, created_at, updated_at, updated_by)
     select 'tag', 'tag_' || n, 1, $2, now(), now(), 'bench' from generate_series(1, $1::integer) n`,
    [tags, JSON.stringify(document)],
  )
  await postgres.query('update definition_revision set revision = revision + 1')
}

/** Everybody's tags as bitmaps, as compaction leaves them; somebody per stretch of ids, at random. */
async function hold(clickhouse: ClickHouse, postgres: Queryable, people: number): Promise<number> {
  const rows = await postgres.query<{ id: number; key: string }>('select id, key from definitions order by id')
  const hold = (definition: number, value: string, members: number) =>
    clickhouse.command(
      `insert into bitmaps select {definition:UInt32}, {value:String}, 1,
         groupBitmapState(toUInt32(1 + intDiv(number * {people:UInt64}, {members:UInt64}) + sipHash64(number, {definition:UInt32}) % greatest(1, intDiv({people:UInt64}, {members:UInt64}))))
       from numbers({members:UInt64})`,
      { definition, value, members, people },
    )
  await hold(everybody, '', people)
  for (const { id, key } of rows) await hold(id, 'true', Math.round(people * densityOf(Number(key.slice(4)))))
  await clickhouse.command('optimize table bitmaps final')
  const sizes = await clickhouse.query<{ definition: number; n: number }>('select definition, bitmapCardinality(members) as n from bitmaps')
  await postgres.query(
    'insert into membership_bases (definition, generation, members, base_members) select definition, 1, n, n from unnest($1::integer[], $2::bigint[]) as t(definition, n)',
    [sizes.map(({ definition }) => definition), sizes.map(({ n }) => n)],
  )
  return sizes.reduce((sum, { n, definition }) => sum + (definition === everybody ? 0 : n), 0)
}

async function change(clickhouse: ClickHouse, postgres: Queryable, definitions: readonly number[], changes: number): Promise<void> {
  await clickhouse.command(
    `insert into memberships select arrayJoin({definitions:Array(UInt32)}), 'true', toUInt32(1 + number * 1000), number % 2, 2 from numbers({changes:UInt64})`,
    { definitions, changes },
  )
  await postgres.query('update membership_bases set changes = $2 where definition = any($1::integer[])', [definitions, changes])
}

function timed(work: () => Promise<unknown>): () => Promise<number> {
  return async () => {
    const startedAt = performance.now()
    await work()
    return (performance.now() - startedAt) / 1_000
  }
}
