import { type Duration, durationOf } from '../duration.ts'
import type { KeyedPass, LeafSql, Plan } from '../plan.ts'
import { purposesOf } from '../sensitive.ts'
import type { Sql } from '../sql/binder.ts'
import { earliest } from '../sql/never.ts'
import { keysOf } from '../sql/subject.ts'
import { eventIs, ms, selectionSql } from './selection.ts'
import { selectionDue } from './selection-due.ts'
import type { SequenceRule } from './sequence-shape.ts'

const unreached = 'toInt64(-4000000000000000000)'

/** Compiles a sequence: which steps each moment matches is gathered in a pass, one fold over the moments looks for the chain. */
export function sequenceLeaf(rule: SequenceRule, plan: Plan): LeafSql {
  const { sequence, per, without, within } = rule
  const scan = per === undefined ? plan.events : plan.newKeyedScan()
  const names = per === undefined ? plan.eventNames : new Set<string>()
  const steps = sequence.map(({ event, where }) => selectionSql({ event, where, within }, plan, names))
  const forbidden = without ? [selectionSql(without, plan, names)] : []
  const bits = [...steps, ...forbidden].map((matches, index) => `if(${matches}, ${2 ** index}, 0)`).join(' + ')
  const moments = scan.add('groupBitOrMapIf', `map(${ms}, toUInt16(${bits})), (${bits}) > 0`)
  const found = foldSql(
    moments,
    sequence.map(step => (step.within === undefined ? undefined : durationOf(step.within))),
    without !== undefined,
    plan,
  )
  const needs = purposesOf(rule, plan.context.marks, plan.context.kinds)
  const due = () =>
    earliest([
      ...sequence.map(({ event, where }) => selectionDue({ event, where, within }, plan, scan, names)),
      ...(without ? [selectionDue(without, plan, scan, names)] : []),
    ])
  if (per === undefined) return { holds: found, needs, evidence: {}, due }
  const keys = `arrayDistinct(${keysOf(plan.property('props', per))})`
  const pass: KeyedPass = { scan, from: eventIs([...names], plan), keys, holds: found }
  return { holds: plan.addKeyed(pass), needs, evidence: {}, due: () => plan.keyedDue(pass, due()) }
}

/**
 * Keeps, for each step but the last, the latest time at which a chain reached it and where that chain started. All steps of a moment are judged
 * by what was before it; what is forbidden then ends the chains that had started before it.
 */
function foldSql(moments: Sql, within: readonly (Duration | undefined)[], hasWithout: boolean, plan: Plan): Sql {
  const last = within.length
  const at = 'tupleElement(x, 1)'
  const matches = (step: number) => `bitTest(tupleElement(x, 2), ${step})`
  const reached = (step: number) => `tupleElement(acc, ${2 * step})`
  const started = (step: number) => `tupleElement(acc, ${2 * step + 1})`
  const extends_ = (step: number) => {
    const duration = within[step - 1]
    const before = reached(step - 1)
    const inTime = duration ? ` and ${at} < ${plan.calendar.plus(`greatest(${before}, toInt64(-2000000000000))`, duration)}` : ''
    return `(${matches(step - 1)} and ${before} != ${unreached}${inTime})`
  }
  const states = Array.from({ length: last - 1 }, (_, index) => index + 1).flatMap(step => {
    const isHit = step === 1 ? matches(0) : extends_(step)
    const start = `if(${isHit}, ${step === 1 ? at : started(step - 1)}, ${started(step)})`
    const time = `if(${isHit}, ${at}, ${reached(step)})`
    const kept = hasWithout ? `if(${matches(last)} and ${start} < ${at}, ${unreached}, ${time})` : time
    return [kept, start]
  })
  const initial = ['toUInt8(0)', ...Array.from({ length: 2 * (last - 1) }, () => unreached)]
  const found = `toUInt8(tupleElement(acc, 1) or ${extends_(last)})`
  const ordered = `arraySort(arrayZip(mapKeys(${moments}), mapValues(${moments})))`
  return `tupleElement(arrayFold((acc, x) -> tuple(${[found, ...states].join(', ')}), ${ordered}, tuple(${initial.join(', ')})), 1)`
}
