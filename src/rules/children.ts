import type { Rule } from './schema.ts'

/** The rules that a rule joins, in the order of its document. */
export function childrenOf(rule: Rule): readonly Rule[] {
  if ('all' in rule) return rule.all
  if ('any' in rule) return rule.any
  if ('not' in rule) return [rule.not]
  if ('of' in rule) return rule.of
  return []
}

/** Where each of them stands in the document. */
export function childPaths(rule: Rule): readonly string[] {
  if ('not' in rule) return ['not']
  const name = 'all' in rule ? 'all' : 'any' in rule ? 'any' : 'of'
  return childrenOf(rule).map((_, index) => `${name}[${index}]`)
}
