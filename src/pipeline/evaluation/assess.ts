import type { Json } from '../../collect/event.ts'
import type { Definition } from '../../definitions/definition.ts'
import type { DefinitionSet } from '../../definitions/set.ts'
import { Plan, type RuleContext } from '../../rules/plan.ts'
import { type People, scopedSettings, scopedStatement } from '../../rules/scoped.ts'
import type { ClickHouse } from '../../store/clickhouse.ts'

/** What the definitions say of one profile at a moment. */
export interface Assessment {
  /** By definition number, of those that apply. */
  values: Map<number, { value: Json; score: number }>
  /** When time alone may change one of them next, ms. */
  dueAt: number
}

/**
 * Works out the definitions for people in one pass over their facts; those that read events alone in a pass of their own, which costs much less to plan.
 * @returns of each profile of which there is a fact at that moment
 */
export async function assess(
  clickhouse: ClickHouse,
  set: DefinitionSet,
  definitions: readonly Definition[],
  context: RuleContext,
  people: People,
): Promise<Map<number, Assessment>> {
  const readsEventsAlone = (one: Definition) => [...set.readsOf(one, context)].every(name => name.startsWith('e:'))
  const passes = [...Map.groupBy(definitions, readsEventsAlone).values()]
  const [found = new Map<number, Assessment>(), ...others] = await Promise.all(
    passes.map(some => assessTogether(clickhouse, set, some, context, people)),
  )
  for (const other of others)
    for (const [profile, { values, dueAt }] of other) {
      const known = found.get(profile)
      if (!known) continue
      for (const [id, value] of values) known.values.set(id, value)
      known.dueAt = Math.min(known.dueAt, dueAt)
    }
  return found
}

async function assessTogether(
  clickhouse: ClickHouse,
  set: DefinitionSet,
  definitions: readonly Definition[],
  context: RuleContext,
  people: People,
): Promise<Map<number, Assessment>> {
  if (people.leaves.length === 0) return new Map()
  const plan = new Plan(context)
  const assessed = definitions.map(definition => ({ definition, ...set.assessed(definition, plan) }))
  const choices = assessed.flatMap(({ definition, choice }) => (choice ? [{ id: definition.id, ...choice }] : []))
  const open = assessed.filter(({ choice }) => !choice).map(({ definition, value, score }) => ({ id: definition.id, value, score }))
  const dues = assessed.map(one => one.due())
  const chosen = `arrayFilter(x -> x.2 > 0, arrayZip(arrayMap(x -> toUInt16(x), range(1, ${choices.length + 1})), cast([${choices.map(({ number }) => number).join(', ')}], 'Array(UInt16)')))`
  const said = `arrayFilter(x -> x.2 != '', cast([${open.map(({ value, score }, index) => `(${index}, ${value}, toFloat64(${score}))`).join(', ')}], 'Array(Tuple(UInt16, String, Float64))'))`
  const { text, params } = scopedStatement(plan, [`${chosen} as chosen`, `${said} as said`], dues, people)
  const rows = await clickhouse.query<{ profile: number; due: number; chosen: [number, number][]; said: [number, string, number][] }>(
    text,
    params,
    { settings: scopedSettings },
  )
  return new Map(
    rows.map(({ profile, due, chosen, said }) => {
      const values: Assessment['values'] = new Map()
      for (const [place, number] of chosen) {
        const choice = choices[place - 1]
        if (choice) values.set(choice.id, { value: choice.values[number - 1] ?? null, score: choice.score })
      }
      for (const [place, value, score] of said) {
        const definition = open[place]
        if (definition) values.set(definition.id, { value: JSON.parse(value) as Json, score })
      }
      return [profile, { values, dueAt: Number(due) }]
    }),
  )
}
