import type { Json } from '../collect/event.ts'
import { statement } from '../rules/compile.ts'
import { Plan, type RuleContext } from '../rules/plan.ts'
import type { Definition } from './definition.ts'
import { heldBy, type MembershipStores } from './membership.ts'
import type { DefinitionSet } from './set.ts'

export interface Preview {
  total: number
  values: { value: Json; before: number; after: number }[]
  gained: number
  lost: number
  changed: number
  examples: Record<'gained' | 'lost' | 'changed', string[]>
}

const examples = 10

/** What a definition would say of everybody, beside what is held of it now. */
export async function preview(
  { postgres, clickhouse }: MembershipStores,
  set: DefinitionSet,
  next: Definition,
  known: Definition | undefined,
  context: RuleContext,
): Promise<Preview> {
  const plan = new Plan({ ...context, derived: set.derived })
  const { value } = set.assessed(next, plan)
  const { text, params } = statement(plan, [...plan.columns, `${value} as value`], {})
  const held = await heldBy(postgres, known?.id ?? -1)
  const rows = await clickhouse.query<{ was: string; becomes: string; n: number; some: number[] }>(
    `select h.value as was, t.value as becomes, count() as n, groupArraySample({examples:UInt8}, 1)(t.profile) as some
     from (select profile, value from (${text})) as t left join (${held.text}) as h on h.profile = t.profile group by was, becomes`,
    { ...params, ...held.params, examples },
  )
  const sum = (some: typeof rows) => some.reduce((total, { n }) => total + n, 0)
  const gained = rows.filter(({ was, becomes }) => was === '' && becomes !== '')
  const lost = rows.filter(({ was, becomes }) => was !== '' && becomes === '')
  const changed = rows.filter(({ was, becomes }) => was !== '' && becomes !== '' && was !== becomes)
  const someOf = (some: typeof rows) => some.flatMap(({ some }) => some.map(String)).slice(0, examples)
  const values = [...new Set(rows.flatMap(({ was, becomes }) => [was, becomes]))].filter(one => one !== '').sort()
  return {
    total: sum(rows),
    values: values.map(one => ({
      value: JSON.parse(one) as Json,
      before: sum(rows.filter(({ was }) => was === one)),
      after: sum(rows.filter(({ becomes }) => becomes === one)),
    })),
    gained: sum(gained),
    lost: sum(lost),
    changed: sum(changed),
    examples: { gained: someOf(gained), lost: someOf(lost), changed: someOf(changed) },
  }
}
