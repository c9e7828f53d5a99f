import type { DefinitionType } from '../definitions/type.ts'
import { branchOf } from '../rules/compile.ts'
import { type AudienceDocument, audienceDocument } from './document.ts'
import { aboveBar, type Bar, barOf, ruleOfLimit } from './limit.ts'

/** Audiences among the definitions: whoever meets the rule has the value `true`. */
export const audienceType: DefinitionType<AudienceDocument> = {
  kind: 'audience',
  schema: audienceDocument,
  rulesOf: ({ rule, limit }) => [{ path: 'rule', rule }, ...(limit ? [{ path: 'limit.by', rule: ruleOfLimit(limit) }] : [])],
  refreshOf: ({ refresh }) => (refresh === 'realtime' ? 'live' : refresh === 'frozen' ? 'once' : refresh),
  isExempt: ({ purpose }) => purpose !== undefined,
  momentOf: ({ document, run }) => (document.at === undefined ? (run as Bar | undefined)?.at : Date.parse(document.at)),
  assess({ document, run }, plan) {
    const { rule, limit } = document
    const branch = branchOf(rule, plan, 'rule')
    const isIn = limit ? `ifNull(${branch.column}, 0) and ${aboveBar(limit, run as Bar | undefined, plan)}` : `ifNull(${branch.column}, 0)`
    const number = plan.column(`toUInt16(${isIn})`)
    return {
      value: `if(${number} = 1, 'true', '')`,
      score: plan.binder.number(1),
      due: branch.due,
      choice: { number, values: [true], score: 1 },
    }
  },
  async prepare({ document: { rule, limit, purpose } }, runner) {
    if (!limit) return undefined
    return barOf(limit, plan => plan.definition(purpose !== undefined, () => branchOf(rule, plan, 'rule')).column, runner)
  },
}
