import { isPersonalTrait } from '../../dictionary/personal.ts'
import { asStoredTrait } from '../hidden.ts'
import type { LeafSql, Plan } from '../plan.ts'
import type { TraitRule } from '../schema.ts'
import type { Sql } from '../sql/binder.ts'
import { monthDayFlip, subjectFlip } from '../sql/flip-sql.ts'
import { earliest, never } from '../sql/never.ts'
import { holds, monthDayHolds } from '../sql/operator-sql.ts'
import { jsonSubject, textSubject } from '../sql/subject.ts'

/** Compiles a trait's test. A personal trait is compared by its keyed hash, a personal date by its facets; one that mirrors a consent is that consent's state. */
export function traitLeaf({ trait, ...operators }: TraitRule, plan: Plan): LeafSql {
  const { marks, blindIndex, mirrorOf } = plan.context
  const sensitive = marks.ofTrait(trait)?.sensitive
  const needs = sensitive === undefined ? [] : [sensitive]
  const mirrored = mirrorOf?.(trait)
  if (mirrored !== undefined) {
    const state = plan.consentState(mirrored)
    return { holds: holds(jsonSubject(state), operators, plan.operators), needs, evidence: { value: state }, due: () => never }
  }
  const value = traitColumn(trait, plan)
  const { anniversaryWithin, withinLast, ...others } = operators
  if (!isPersonalTrait(trait, marks)) {
    const stored = asStoredTrait(trait, operators, marks, blindIndex)
    return {
      holds: holds(jsonSubject(value), stored, plan.operators),
      needs,
      evidence: { value },
      due: () => subjectFlip(jsonSubject(value), operators, plan.operators),
    }
  }
  const monthDay = () => `JSONExtractString(${traitColumn(`${trait}.monthDay`, plan)})`
  const day = () => textSubject(`concat(${traitColumn(`${trait}.year`, plan)}, '-', ${monthDay()})`)
  const tests = [
    holds(jsonSubject(value), asStoredTrait(trait, others, marks, blindIndex), plan.operators),
    ...(anniversaryWithin === undefined ? [] : [monthDayHolds(monthDay(), anniversaryWithin, plan.operators)]),
    ...(withinLast === undefined ? [] : [holds(day(), { withinLast }, plan.operators)]),
  ]
  const due = () =>
    earliest([
      anniversaryWithin === undefined ? never : monthDayFlip(monthDay(), anniversaryWithin, plan.operators),
      withinLast === undefined ? never : subjectFlip(day(), { withinLast }, plan.operators),
    ])
  return { holds: `(${tests.join(' and ')})`, needs, evidence: {}, due }
}

/** The column with the trait's value at `now` as JSON; empty or null where it is missing. */
export function traitColumn(key: string, { binder, traits, traitKeys, reads, context }: Plan): Sql {
  traitKeys.add(key)
  reads.add(`t:${key}`)
  const isKey = `key = ${binder.text(key)}`
  const json = "if(op = 'unset', 'null', if(json, ifNull(dynamicElement(value, 'String'), 'null'), ifNull(toJSONString(value), 'null')))"
  const win = context.winOf(key)
  if (win === 'latest') return traits.add('argMaxIf', `${json}, (ts, position), ${isKey}`)
  if (win === 'first') return traits.add('argMinIf', `${json}, (ts, position), ${isKey} and op = 'set'`)
  const rank = `if(has(${binder.texts(win)}, toString(source)), indexOf(${binder.texts(win)}, toString(source)), ${win.length + 1})`
  const said = traits.add('groupArrayIf', `tuple(toUInt32(${rank}), toString(source), tuple(ts, position), ${json}), ${isKey}`)
  const isLatest = `not arrayExists(o -> o.2 = r.2 and o.3 > r.3, ${said})`
  const present = `arrayFilter(r -> r.4 != 'null' and ${isLatest}, ${said})`
  return `arrayMap(p -> tupleElement(arrayElement(arraySort(r -> (r.1, -toUnixTimestamp64Milli(r.3.1), -toInt64(r.3.2)), p), 1), 4), [${present}])[1]`
}
