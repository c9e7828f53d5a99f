import type { Compiled } from './compile.ts'
import type { Plan } from './plan.ts'
import type { Sql } from './sql/binder.ts'
import { never } from './sql/never.ts'

/** People who are looked at: every leaf of theirs, and which of these belong to another leaf's profile. */
export interface People {
  leaves: readonly number[]
  merged: readonly { leaf: number; root: number }[]
}

/**
 * A statement of many rules is long: longer than what the store takes by itself. Its older analysis plans it in less than half of the time; that both
 * analyses say the same is tested.
 */
export const scopedSettings = {
  enable_analyzer: 0,
  max_query_size: 8_000_000,
  max_ast_elements: 1_000_000,
  max_expanded_ast_elements: 10_000_000,
  max_parser_depth: 5_000,
  max_parser_backtracks: 10_000_000,
}

/** What one parameter holds, well below what the store takes. */
const leavesPerParameter = 10_000

/**
 * The statement for people whose leaves are known, of which there is at least one event at that moment: one row each, with `profile` and the
 * columns. It asks the same as `statement` does of everybody, in the form that is cheapest to plan and to run for many rules: one level where
 * all is known from events, because the store analyses what stands in a subquery twice. Where other facts join them, what is known from
 * events alone is worked out where they are grouped, and comes out as one list: many names across subqueries cost most.
 * @param columns over the plan's named expressions
 * @param dues moments over the plan's columns and named expressions; their first comes out as `due`
 */
export function scopedStatement(
  plan: Plan,
  columns: readonly Sql[],
  dues: readonly Sql[],
  people: People,
): Pick<Compiled, 'text' | 'params'> {
  const { binder, context, rows, events, traits, traitKeys, consents, inputs, inputIds, keyed } = plan
  const { among, profile, params } = whereIn(people, `ts <= fromUnixTimestamp64Milli(${binder.whole(context.now)}, 'UTC')`)
  if ([traits, consents, inputs].every(scan => scan.isEmpty) && keyed.length === 0) {
    const said = [...columns, `${first(dues)} as due`].map(column => events.inline(column))
    const named = plan.expressions.map((expression, index) => `${events.inline(expression)} as b${index}`)
    const names = withAlso(plan.preamble, [rows.with([...named, ...said].join(' ')).replace(/^with /, ''), ...named])
    const text = `${names}select ${profile} as profile, ${said.join(',\n  ')}\nfrom events where ${among} group by profile`
    return { text, params: { ...binder.params(), ...params } }
  }
  const isOfEvents = (text: Sql) =>
    events.isIn(text) && ![traits, consents, inputs].some(scan => scan.isIn(text)) && !/\b[bhu]\d+\b/.test(text)
  const pushed: Sql[] = []
  const places = new Map<number, Sql>()
  for (const [index, expression] of plan.expressions.entries())
    if (isVerdict(expression) && isOfEvents(expression)) places.set(index, `known[${pushed.push(events.inline(expression))}]`)
  const read = (text: Sql) => text.replace(/\bb(\d+)\b/g, (name, index) => places.get(Number(index)) ?? name)

  const dueOfEvents = dues.filter(isOfEvents).map(due => events.inline(due))
  const dueElsewhere = dues.filter(due => !isOfEvents(due) && due !== never)
  // What is left joins passes, or looks at several of these expressions.
  const left = plan.expressions.flatMap((expression, index) => (places.has(index) ? [] : [`${read(expression)} as b${index}`]))
  const shown = events.namesIn([...left, ...columns, ...dueElsewhere].join(' ')).map(name => `, ${events.inline(name)} as ${name}`)
  const inEvents = `cast([${pushed.join(', ')}], 'Array(UInt8)') as known, ${first(dueOfEvents)} as due_of_events${shown.join('')}`
  const passes = [
    traits.isEmpty ? '' : traits.scoped(`traits where ${among} and key in ${binder.texts([...traitKeys])}`, profile, rows),
    consents.isEmpty ? '' : consents.scoped(`consents where ${among}`, profile, rows),
    inputs.isEmpty ? '' : inputs.scoped(`assignments where ${among} and has(${binder.numbers([...inputIds])}, definition)`, profile, rows),
    ...keyed.map(({ scan, from, keys, holds, due }, index) => {
      const inner = scan.scoped(`events where ${among} and ${from}`, profile, rows, { name: `key${index}`, of: keys })
      return `select profile, max(${holds}) as h${index}${due === undefined ? '' : `, min(${due}) as u${index}`} from (${inner}) group by profile`
    }),
  ].filter(pass => pass !== '')
  const joins = passes.map((pass, index) => `left join (${pass}) as q${index} on q${index}.profile = p.profile`)
  const due = first(['due_of_events', ...dueElsewhere.map(read)])
  const asked = ['profile', ...columns.map(column => column.slice(column.lastIndexOf(' as ') + 4)), 'due'].join(', ')
  const text = `select ${asked} from (${plan.preamble}select p.profile as profile, ${[...left, ...columns.map(read), `${due} as due`].join(',\n  ')}
from (${rows.with(inEvents)} select ${profile} as profile, ${inEvents} from events where ${among} group by profile) as p\n${joins.join('\n')})`
  return { text, params: { ...binder.params(), ...params } }
}

/** Names for expressions beside those of subqueries. */
function withAlso(preamble: Sql, names: readonly Sql[]): Sql {
  const some = names.filter(name => name !== '').join(',\n  ')
  if (some === '') return preamble
  return preamble === '' ? `with ${some}\n` : `${preamble.trimEnd()},\n  ${some}\n`
}

/** What a leaf says, 0 or 1, never null. */
function isVerdict(expression: Sql): boolean {
  return expression.startsWith('toUInt8(')
}

function first(moments: readonly Sql[]): Sql {
  const some = [...new Set(moments)]
  return some.length === 0 ? never : some.length === 1 ? (some[0] ?? never) : `least(${some.join(', ')})`
}

function whereIn({ leaves, merged }: People, isThere: Sql): { among: Sql; profile: Sql; params: Record<string, unknown> } {
  const parts = Array.from({ length: Math.ceil(leaves.length / leavesPerParameter) }, (_, part) =>
    leaves.slice(part * leavesPerParameter, (part + 1) * leavesPerParameter),
  )
  const isOne = parts.map((_, part) => `leaf in {leaves${part}:Array(UInt32)}`).join(' or ') || '0'
  const profile = merged.length === 0 ? 'leaf' : 'transform(leaf, {merged:Array(UInt32)}, {roots:Array(UInt32)}, leaf)'
  return {
    among: `${isThere} and (${isOne})`,
    profile,
    params: {
      ...Object.fromEntries(parts.map((part, index) => [`leaves${index}`, part])),
      ...(merged.length > 0 && { merged: merged.map(({ leaf }) => leaf), roots: merged.map(({ root }) => root) }),
    },
  }
}
