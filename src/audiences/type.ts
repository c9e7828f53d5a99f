import type { DefinitionType } from '../definitions/type.ts'
import { branchOf } from '../rules/compile.ts'
import { type AudienceDocument, audienceDocument } from './document.ts'

/** Audiences among the definitions: whoever meets the rule has the value `true`. */
export const audienceType: DefinitionType<AudienceDocument> = {
  kind: 'audience',
  schema: audienceDocument,
  rulesOf: ({ rule }) => [{ path: 'rule', rule }],
  refreshOf: ({ refresh }) => (refresh === 'realtime' ? 'live' : refresh === 'frozen' ? 'once' : refresh),
  isExempt: ({ purpose }) => purpose !== undefined,
  assess({ document }, plan) {
    const branch = branchOf(document.rule, plan, 'rule')
    const number = plan.column(`toUInt16(ifNull(${branch.column}, 0))`)
    return {
      value: `if(${number} = 1, 'true', '')`,
      score: plan.binder.number(1),
      due: branch.due,
      choice: { number, values: [true], score: 1 },
    }
  },
}
